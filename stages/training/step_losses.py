"""The losses of a training step, read from the device when it suits: to ask a GPU for a number is to wait until it has
computed all that it was told to.
"""

import math
from functools import cached_property
from typing import NoReturn

import torch
from torch import Tensor

from maskdistill.data.errors import MaskDistillError
from maskdistill.stages.training.exchange import gather_ids, mean_over_processes
from maskdistill.stages.training.fit import Losses
from maskdistill.stages.training.schedules import Step

READ_EVERY = 16
"""Steps whose losses are read together where that saves waiting."""


class StepLosses:
    """The sum of a step's losses and each of them, as means over all processes.

    Args:
        step: The step.
        ids: The images of this process's fraction of the batch.
        loss: The sum.
        losses: Each loss by name.
    """

    def __init__(self, step: Step, ids: list[str], loss: Tensor, losses: Losses) -> None:
        self.step, self._ids = step, ids
        named = {"loss": loss, **{name: value for name, value in losses.items() if name != "loss"}}
        self._names = tuple(named)
        self._values = mean_over_processes(torch.stack([value.detach().float() for value in named.values()]))

    def read(self) -> dict[str, float]:
        """The losses by name. Raises MaskDistillError in all processes where their sum is not finite."""
        found = self._found
        if not math.isfinite(found["loss"]):
            self._stop(found)
        return found

    @cached_property
    def _found(self) -> dict[str, float]:
        return dict(zip(self._names, self._values.tolist(), strict=True))

    def _stop(self, found: dict[str, float]) -> NoReturn:
        parts = ", ".join(f"{name} {value:g}" for name, value in found.items())
        raise MaskDistillError(
            f"the loss is not finite at iteration {self.step.number + 1} ({parts}), images "
            f"{', '.join(gather_ids(self._ids))}; lower lr, raise warmup_iterations, or set precision to fp32"
        )
