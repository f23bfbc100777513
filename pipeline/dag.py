"""The stages and their order: the whole pipeline at a glance. What each one reads, its settings say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from maskdistill.data.errors import InputError
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.progress import Progress

StageFunction = Callable[[Any, StageInputs, Path, Progress], StageOutputs]


@dataclass(frozen=True)
class StageSpec:
    """One stage of the DAG.

    Attributes:
        name: Name of the stage, of its configuration section and of its package.
        function: The stage's `run`, where it is not that of its package.
    """

    name: str
    function: StageFunction | None = None

    def load(self) -> StageFunction:
        """The stage's `run`; torch is imported here and not before."""
        function: StageFunction = self.function or import_module(f"maskdistill.stages.{self.name}.stage").run
        return function


PRETRAIN, IMITATE = StageSpec("pretrain"), StageSpec("imitate")
"""What trains weights on the images alone: each runs only where another stage's weights carry its name."""
FEATURES = StageSpec("features")
"""What a frozen ViT sees in each image: runs only where another stage learns from it."""
CORRESPOND = StageSpec("correspond")
"""A cluster for every pixel without any masks: runs only where another stage reads it."""
MINE = StageSpec("mine")
CLUSTER = StageSpec("cluster")
CURATE = StageSpec("curate")
"""Masks and clusters as they were changed by hand: runs only where they were."""
DISTILL = StageSpec("distill")
FILTER = StageSpec("filter")
SEGMENT = StageSpec("segment")

STAGES = (MINE, CLUSTER, DISTILL, FILTER, SEGMENT)
OPTIONAL_STAGES = (PRETRAIN, FEATURES, CORRESPOND, CURATE, IMITATE)
ALL_STAGES = (PRETRAIN, FEATURES, CORRESPOND, MINE, CLUSTER, CURATE, IMITATE, DISTILL, FILTER, SEGMENT)
"""In the order in which they run: a ResNet that imitates the ViT comes where the detector needs it."""
STAGE_NAMES = tuple(spec.name for spec in STAGES)
OPTIONAL_NAMES = tuple(spec.name for spec in OPTIONAL_STAGES)


def find_stage(name: str) -> StageSpec:
    """The stage of that name. Raises InputError with the valid names."""
    for spec in ALL_STAGES:
        if spec.name == name:
            return spec
    raise InputError(f"{name}: no such stage; the stages are {', '.join((*STAGE_NAMES, *OPTIONAL_NAMES))}")


def stage_range(stages: Sequence[StageSpec], first: str | None, last: str | None) -> Sequence[StageSpec]:
    """Those of some stages from `first` to `last`, both included; None stands for the end.

    Raises:
        InputError: No such stage, not one of these, or `first` comes after `last`.
    """
    names = [spec.name for spec in stages]
    for name in (first, last):
        if name and find_stage(name).name not in names:
            raise InputError(f"{name}: not part of this run, whose stages are {', '.join(names)}")
    start = names.index(first) if first else 0
    stop = names.index(last) if last else len(stages) - 1
    if start > stop:
        raise InputError(f"--from {first} --to {last}: {first} comes after {last}; the order is {', '.join(names)}")
    return stages[start : stop + 1]
