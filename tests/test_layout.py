"""The house rules: imports run downwards only, and the light commands stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {"data": {"data"}, "stages": {"data", "stages"}, "pipeline": {"data", "stages", "pipeline"}}
ROOMS = set(ALLOWED)


def imported_names(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_imports_run_downwards(room: str) -> None:
    files = list((ROOT / room).rglob("*.py"))
    assert files
    for path in files:
        tops = {name.split(".")[0] for name in imported_names(path)}
        assert not (tops & ROOMS) - ALLOWED[room], f"{path} imports upwards"
        if room != "pipeline":
            assert "prefect" not in tops, f"{path} imports prefect"


def test_only_evaluate_reads_labels() -> None:
    """Nothing calls the methods of the ground truth, under their names or as strings, but who may."""
    readers = {"read_labels", "read_boxes", "read_instances"}
    # These draw the ground truth beside what was made, and compute nothing from it.
    drawing = ("pipeline/inspect/", "pipeline/report/", "pipeline/view/")
    for path in [*(ROOT / "stages").rglob("*.py"), *(ROOT / "pipeline").rglob("*.py")]:
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(("stages/evaluate/", *drawing)):
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
            used = {name for name in imported_names(path) if name.startswith("stages.evaluate")}
            assert not used, f"{path} imports {used}"


def test_light_commands_import_nothing_heavy() -> None:
    code = (
        "import sys, pipeline.cli, pipeline.status, data.config\n"
        "heavy = {'torch', 'torchvision', 'timm', 'sklearn', 'scipy', 'zarr', 'prefect'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert result.returncode == 0, result.stderr


def test_stage_settings_import_no_torch() -> None:
    code = "import sys\nimport pipeline.config\nsys.exit('torch' in sys.modules)"  # every stage's settings hang on it
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
