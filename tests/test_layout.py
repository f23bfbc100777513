"""The house rules: imports run downwards only, an idea stands in one place, and the light commands stay light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.imports import circles, imported_modules, module_name
from helpers.paths import ROOT
from maskdistill.data import catalog

FLOORS = ("data", "stages", "pipeline", "pipeline/apps")
"""From the ground up: each floor may import those before it, and itself."""
MOST_LINES = 250


def floor_of(name: str) -> int | None:
    """The floor that a module of the house, by its dotted name or path, stands on; None for the public face."""
    path = name.removeprefix("maskdistill.").replace(".", "/")
    standing = [number for number, floor in enumerate(FLOORS) if path == floor or path.startswith(f"{floor}/")]
    return max(standing, default=None)


def house() -> Iterator[Path]:
    for room in ("data", "stages", "pipeline", "maskdistill"):
        yield from sorted((ROOT / room).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", list(house()), ids=relative)
def test_imports_run_downwards(path: Path) -> None:
    """Those inside functions and those for typing alone count as well."""
    floor = floor_of(relative(path))
    for name in imported_modules(path):
        top = name.partition(".")[0]
        assert top not in ("data", "stages", "pipeline"), f"{name} is not an installed name"
        if floor is None or top != "maskdistill":
            continue
        other = floor_of(name)
        assert other is not None, f"imports the public face: {name}"
        assert other <= floor, f"imports upwards: {name}"
    if floor is not None and floor < FLOORS.index("pipeline"):
        assert "prefect" not in {name.partition(".")[0] for name in imported_modules(path)}


def test_no_import_goes_in_a_circle() -> None:
    graph = {module_name(path): imported_modules(path) for path in house()}
    assert circles(graph) == []


def test_no_file_is_long() -> None:
    paths = [*house(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    long = {relative(path): n for path in paths if (n := len(path.read_text().splitlines())) > MOST_LINES}
    assert not long


def test_what_a_stage_leaves_is_written_down_once() -> None:
    """Names of files and stores stand in data/catalog.py alone."""
    names = {output.file for output in vars(catalog).values() if isinstance(output, catalog.OutputFile)}
    for path in house():
        if relative(path) != "data/catalog.py":
            assert not mentioned(path) & names, f"{relative(path)} names a file that data/catalog.py describes"


def test_only_evaluate_reads_labels() -> None:
    """Nothing calls the methods of the ground truth, under their names or as strings, but who may."""
    readers = {"read_labels", "read_boxes", "read_instances"}
    for path in [*(ROOT / "stages").rglob("*.py"), *(ROOT / "pipeline").rglob("*.py")]:
        name = relative(path)
        if not name.startswith("stages/evaluate/"):
            forbidden = readers if name.startswith("pipeline/") else {*readers, "labels_fingerprint"}
            assert not mentioned(path) & forbidden, f"{name} reads labels"


def mentioned(path: Path) -> set[str]:
    """Attributes and strings of a module, as `getattr` could join them."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return attributes | {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_no_stage_uses_the_evaluation() -> None:
    for path in (ROOT / "stages").rglob("*.py"):
        if path.parent.name != "evaluate":
            used = {name for name in imported_modules(path) if name.startswith("maskdistill.stages.evaluate")}
            assert not used, f"{path} imports {used}"


def assert_ends_well(code: str) -> None:
    """In a Python of its own, which has imported nothing yet."""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert result.returncode == 0, result.stderr


def test_light_commands_import_nothing_heavy() -> None:
    code = (
        "import sys, maskdistill, maskdistill.data.config\n"
        "from maskdistill.pipeline.apps.commands.table import Commands\n"
        "assert all(Commands().values())\n"
        "heavy = {'torch', 'torchvision', 'timm', 'sklearn', 'scipy', 'zarr', 'prefect', 'fsspec'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    assert_ends_well(code)


def test_the_list_of_commands_imports_none_of_them() -> None:
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from maskdistill.pipeline.apps.cli import app\n"
        "assert 'ablate' in CliRunner().invoke(app, ['--help']).output\n"
        "sys.exit(f'imported: {found}' if (found := {'numpy', 'pydantic', 'yaml'} & set(sys.modules)) else 0)"
    )
    assert_ends_well(code)


def test_knowing_the_images_of_the_demo_imports_nothing_that_draws_them() -> None:
    code = "import sys\nimport maskdistill.data.sources.scenes.source\nsys.exit('scipy' in sys.modules)"
    assert_ends_well(code)


def test_stage_settings_import_no_torch() -> None:
    # Every stage's settings hang on it.
    code = "import sys\nimport maskdistill.pipeline.config\nsys.exit('torch' in sys.modules)"
    assert_ends_well(code)
