"""Plans over generated scenes, with stages that take no time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.dag import StageSpec
from maskdistill.pipeline.plan import Plan
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.progress import Progress

CONFIG = """
data: {kind: scenes, n_train: 3, n_val: 1, size: 32}
mine: {model: vit_tiny_patch16_224, weights: random}
"""


@pytest.fixture
def quiet() -> Console:
    return Console(quiet=True)


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(f"{CONFIG}\nartifacts: {tmp_path / 'artifacts'}\n")
    return path


@pytest.fixture
def make_plan(config_file: Path) -> Callable[..., Plan]:
    return lambda *overrides: Plan(ConfigSource((config_file,), overrides))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the stages by ones that write a file; the list gets the name of each that ran."""
    names: list[str] = []

    def function(spec: StageSpec) -> Callable[..., StageOutputs]:
        def run(config: Any, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
            names.append(spec.name)
            progress.start("working", 1, "things")
            upstream = [(folder / "out.txt").read_text() for folder in inputs.artifacts.values()]
            (workdir / "out.txt").write_text(spec.name + "".join(upstream))
            progress.advance(loss=1.0)
            return StageOutputs(items=1, unit="things", metrics={"loss": 1.0})

        return run

    monkeypatch.setattr(StageSpec, "load", function)
    monkeypatch.setattr(
        "maskdistill.pipeline.finish.evaluate_stage", lambda *args, **kwargs: {"status": "no ground truth"}
    )
    return names
