"""The example notebook runs from top to bottom, and rests in the repository without outputs."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from helpers.paths import ROOT

NOTEBOOK = ROOT / "docs" / "mask_store.ipynb"


def cells() -> list[dict[str, Any]]:
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
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
