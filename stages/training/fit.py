"""What is trained, and what happens around each update: all that trainings differ in, beside their recipes and data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from torch import Tensor, nn

from maskdistill.stages.training.schedules import Step

Losses = Mapping[str, Tensor]
"""Losses of this process's fraction of a batch, by name; their sum is minimised."""
Metrics = Mapping[str, float | Tensor]
"""Numbers for the log by name; a tensor of one number stays on its device, and is read when the losses are."""


class Fit(Protocol):
    """A module that learns from batches.

    Attributes:
        module: What is trained; its state dict holds all that a resumed training needs, beside the optimiser's.
        rate_factors: What the learning rate is multiplied by for some parameters.
    """

    module: nn.Module
    rate_factors: Mapping[nn.Parameter, float] = MappingProxyType({})

    @property
    def compilable(self) -> Sequence[nn.Module]:
        """Modules within it that are called on inputs of one shape; `execution.compile` compiles them."""
        return ()

    def losses(self, batch: Any, step: Step) -> Losses:
        """Look at a batch, whose tensors lie on the device of the training."""

    def before_update(self, step: Step) -> None:
        """Called when the gradients are those of the whole batch, unscaled and clipped."""
        return

    def after_update(self, step: Step) -> Metrics:
        """Called after the optimiser's step; gives more metrics for the log."""
        return {}


@dataclass(frozen=True, eq=False)
class SimpleFit(Fit):
    """A module and the function that gives its losses of a batch."""

    module: nn.Module
    losses_of: Callable[[Any], Losses]
    rate_factors: Mapping[nn.Parameter, float] = field(default_factory=dict)

    def losses(self, batch: Any, step: Step) -> Losses:
        """What the function says."""
        return self.losses_of(batch)
