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
    readers = ("read_labels", "read_boxes", "labels_fingerprint")
    for path in (ROOT / "stages").rglob("*.py"):
        if path.parent.name != "evaluate":
            called = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
            assert not called.intersection(readers), f"{path} reads labels"


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
