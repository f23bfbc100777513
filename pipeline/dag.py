"""The stages, their order and what each one reads: the whole pipeline at a glance."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from maskdistill.data.errors import InputError
from maskdistill.data.settings import Settings
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.progress import Progress

StageFunction = Callable[[Any, StageInputs, Path, Progress], StageOutputs]


@dataclass(frozen=True)
class StageSpec:
    """One stage of the DAG.

    Attributes:
        name: Name of the stage, of its configuration section and of its package.
        inputs: The stages whose artifacts it reads, all of them earlier ones; some settings change them.
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
        function: StageFunction = import_module(f"maskdistill.stages.{self.name}.stage").run
        return function

    def inputs_for(self, section: Settings) -> tuple[str, ...]:
        """The stages whose artifacts it reads with these settings."""
        inputs = _INPUTS_OF_INITIAL_MASKS if getattr(section, "masks", None) == "initial" else self.inputs
        weights = _weights(section)
        return (*inputs, weights) if weights in OPTIONAL_NAMES else inputs

    def uses_seed(self, section: Settings) -> bool:
        """Whether the seed enters the key: random weights make even a deterministic stage depend on it."""
        return self.random or _weights(section) == "random"


def _weights(section: Settings) -> str | None:
    return None if "weights" in section.unused() else getattr(section, "weights", None)


OPTIONAL_STAGES = (
    StageSpec("pretrain", inputs=(), version=2, shows=""),
    StageSpec("backbone", inputs=(), version=2, shows=""),
)
"""What trains weights on the images alone: each runs only where another stage's weights carry its name."""
STAGES = (
    StageSpec("mine", inputs=(), version=1, shows="masks", random=False),
    StageSpec("cluster", inputs=("mine",), version=1, shows="clusters"),
    StageSpec("distill", inputs=("mine", "cluster"), version=3, shows="candidates"),
    StageSpec("filter", inputs=("distill",), version=1, shows="pseudo-labels", random=False),
    StageSpec("segment", inputs=("cluster", "filter"), version=2, shows="predictions"),
)
_INPUTS_OF_INITIAL_MASKS = ("mine", "cluster")
"""What filter reads where it takes the mined masks: a run then needs no detector."""
STAGE_NAMES = tuple(spec.name for spec in STAGES)
OPTIONAL_NAMES = tuple(spec.name for spec in OPTIONAL_STAGES)
ALL_STAGES = (OPTIONAL_STAGES[0], *STAGES[:2], OPTIONAL_STAGES[1], *STAGES[2:])
"""In the order in which they run: a ResNet that imitates the ViT comes where the detector needs it."""


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
    order = ", ".join(spec.name for spec in stages)
    for name in (first, last):
        if name and find_stage(name) not in stages:
            raise InputError(f"{name}: not part of this run, whose stages are {order}")
    start = stages.index(find_stage(first)) if first else 0
    stop = stages.index(find_stage(last)) if last else len(stages) - 1
    if start > stop:
        raise InputError(f"--from {first} --to {last}: {first} comes after {last}; the order is {order}")
    return stages[start : stop + 1]
