"""The notebooks: one runs from top to bottom and rests without outputs, one is kept with them, one is for Colab."""

import ast
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import maskdistill
from helpers.paths import ROOT
from maskdistill.pipeline.config import field_names

NOTEBOOKS = sorted((ROOT / "docs").glob("*.ipynb"))
_SHELL = ("!", "%")


def cells(name: str = "mask_store") -> list[dict[str, Any]]:
    content = json.loads((ROOT / "docs" / f"{name}.ipynb").read_text(encoding="utf-8"))
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    return list(content["cells"])


def run_cell(source: str, name: str, namespace: dict[str, Any]) -> Any:
    """Execute a cell as a notebook does: the value of its last expression is what it shows."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), namespace)
    return eval(compile(ast.Expression(last.value), name, "eval"), namespace) if isinstance(last, ast.Expr) else None


def test_every_cell_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    for cell in cells():
        if cell["cell_type"] == "code":
            value = run_cell("".join(cell["source"]), cell["id"], namespace)
            render = getattr(value, "_repr_html_", lambda value=value: repr(value))
            shown.append(render())
    assert any("<img" in text for text in shown), "no cell shows the store"


def test_no_output_is_committed() -> None:
    for cell in cells():
        assert cell["cell_type"] == "markdown" or (cell["outputs"] == [] and cell["execution_count"] is None)
    assert len({cell["id"] for cell in cells()}) == len(cells())


def code_of(name: str) -> str:
    """All code of a notebook, without the lines that are for a shell."""
    lines = "\n".join("".join(cell["source"]) for cell in cells(name) if cell["cell_type"] == "code").splitlines()
    return "\n".join("    ..." if line.startswith("    !") else line for line in lines if not line.startswith(_SHELL))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_use_only_what_there_is(path: Path) -> None:
    """Their code is Python, what they import of this package exists, and so do the settings that they change."""
    tree = ast.parse(code_of(path.stem))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("maskdistill"):
            module = import_module(str(node.module))
            assert all(hasattr(module, alias.name) for alias in node.names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "maskdistill":
            assert node.attr in maskdistill.__all__
        if isinstance(node, ast.Dict):
            names = [key.value for key in node.keys if isinstance(key, ast.Constant)]
            assert set(names) <= set(field_names()), path


def test_the_way_from_photos_to_a_model_is_kept_with_its_outputs() -> None:
    found = cells("photos_to_model")
    outputs = [output for cell in found if cell["cell_type"] == "code" for output in cell["outputs"]]
    assert all(cell["outputs"] for cell in found if cell["cell_type"] == "code")
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
    assert not any(output["output_type"] == "error" for output in outputs)
