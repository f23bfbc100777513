"""The stages, their order and what each one reads: the whole pipeline at a glance."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from data.errors import InputError
from stages.contract import StageInputs, StageOutputs
from stages.progress import Progress

StageFunction = Callable[[Any, StageInputs, Path, Progress], StageOutputs]


@dataclass(frozen=True)
class StageSpec:
    """One stage of the DAG.

    Attributes:
        name: Name of the stage, of its configuration section and of its package.
        inputs: The stages whose artifacts it reads, all of them earlier ones.
        version: Raised whenever the same settings and inputs come to give another result.
        shows: What `maskdistill inspect` calls its output; empty where it has nothing to show.
        random: Whether the seed changes its result.
    """

    name: str
    inputs: tuple[str, ...]
    version: int
    shows: str
    random: bool = True

    def function(self) -> StageFunction:
        """The stage's `run`; torch is imported here and not before."""
        function: StageFunction = import_module(f"stages.{self.name}.stage").run
        return function

    def uses_seed(self, section: BaseModel) -> bool:
        """Whether the seed enters the key: random weights make even a deterministic stage depend on it."""
        return self.random or getattr(section, "weights", None) == "random"


PRETRAIN = StageSpec("pretrain", inputs=(), version=1, shows="")
"""Stage zero: runs only where a stage's weights are "pretrain", which then reads its artifact."""
STAGES = (
    StageSpec("mine", inputs=(), version=1, shows="masks", random=False),
    StageSpec("cluster", inputs=("mine",), version=1, shows="clusters"),
    StageSpec("distill", inputs=("mine", "cluster"), version=1, shows="candidates"),
    StageSpec("filter", inputs=("distill",), version=1, shows="pseudo-labels", random=False),
    StageSpec("segment", inputs=("cluster", "filter"), version=1, shows="predictions"),
)
STAGE_NAMES = tuple(spec.name for spec in STAGES)


def find_stage(name: str) -> StageSpec:
    """The stage of that name. Raises InputError with the valid names."""
    for spec in (PRETRAIN, *STAGES):
        if spec.name == name:
            return spec
    raise InputError(f"{name}: no such stage; the stages are {', '.join(STAGE_NAMES)}, and pretrain")


def stage_range(stages: Sequence[StageSpec], first: str | None, last: str | None) -> Sequence[StageSpec]:
    """Those of some stages from `first` to `last`, both included; None stands for the end.

    Raises:
        InputError: No such stage, not one of these, or `first` comes after `last`.
    """
    order = ", ".join(spec.name for spec in stages)
    for name in (first, last):
        if name and find_stage(name) not in stages:
            raise InputError(f"{name}: not part of this run, whose stages are {order}")
    start = stages.index(find_stage(first)) if first else 0
    stop = stages.index(find_stage(last)) if last else len(stages) - 1
    if start > stop:
        raise InputError(f"--from {first} --to {last}: {first} comes after {last}; the order is {order}")
    return stages[start : stop + 1]
