"""LARS (arXiv 1708.03888): steps in proportion to the length of each matrix, so that large batches train stably."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

_TRUST = 0.001
"""Length of a step at rate 1, as a fraction of the matrix's own."""


class Lars(torch.optim.Optimizer):
    """SGD with momentum whose change of every matrix, decay included, is first scaled to a thousandth of its length.

    Vectors, such as biases and the scales of norms, do not decay and take the steps of SGD.

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        momentum: Fraction of the change before that is kept.
        weight_decay: Decay of matrices.
    """

    def __init__(self, params: ParamsT, lr: float, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change all parameters that have a gradient; a closure is not called."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._change(parameter, group)

    def _change(self, parameter: Tensor, group: dict[str, Any]) -> None:
        change = parameter.grad
        assert change is not None
        if parameter.ndim > 1:
            change = _scaled(change.add(parameter, alpha=group["weight_decay"]), parameter)
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        momentum: Tensor = state["momentum"].mul_(group["momentum"]).add_(change)
        parameter.add_(momentum, alpha=-group["lr"])


def _scaled(change: Tensor, matrix: Tensor) -> Tensor:
    """A change with a thousandth of the length of its matrix; as it is where either is zero."""
    own, other = torch.linalg.vector_norm(matrix), torch.linalg.vector_norm(change)
    return change * torch.where((own > 0) & (other > 0), _TRUST * own / other, 1.0)
