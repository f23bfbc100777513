"""Stages that note that they ran, to hand to a Plan in place of the real ones."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from helpers.drawn_stages import StageFunction
from maskdistill.pipeline.dag import ALL_STAGES, StageSpec
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.progress import Progress


class RecordedStages:
    """All stages, each with a function that is called in place of its own.

    Args:
        function_of: Gives the function of a stage by its name.

    Attributes:
        specs: The stages, for `Plan(..., stages=specs)`.
        calls: Names of those that ran, in order.
    """

    def __init__(self, function_of: Callable[[str], StageFunction]) -> None:
        self.calls: list[str] = []
        self.specs: tuple[StageSpec, ...] = tuple(
            replace(spec, function=self._recorded(spec.name, function_of(spec.name))) for spec in ALL_STAGES
        )

    def _recorded(self, name: str, function: StageFunction) -> StageFunction:
        def run(config: Any, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
            self.calls.append(name)
            return function(config, inputs, workdir, progress)

        return run


def writing_stage(name: str) -> StageFunction:
    """A stage that takes no time: it writes its name, and what the stages before it wrote, into a file."""

    def run(config: Any, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
        progress.start("working", 1, "things")
        upstream = [(folder / "out.txt").read_text() for folder in inputs.artifacts.values()]
        (workdir / "out.txt").write_text(name + "".join(upstream))
        progress.advance(loss=1.0)
        return StageOutputs(items=1, unit="things", metrics={"loss": 1.0})

    return run
