"""The moving average of a module's weights, kept as a copy of the module."""

import copy
from typing import TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


def frozen_copy(module: M) -> M:
    """A copy without gradients."""
    return copy.deepcopy(module).requires_grad_(False)


@torch.no_grad()
def move_towards(average: nn.Module, module: nn.Module, decay: float, *, buffers: bool = True) -> None:
    """Keep the share `decay` of the average and take the rest from `module`; integers are taken over as they are.

    Parameters and `buffers` alike, so that the statistics of batch norms are those of the averaged weights; without
    buffers where the average sees batches, and with them statistics, of its own.
    """
    kept, taken = ([*one.parameters(), *(one.buffers() if buffers else ())] for one in (average, module))
    pairs = list(zip(kept, taken, strict=True))
    floats = [pair for pair in pairs if pair[0].is_floating_point()]
    # On a GPU in a few calls for all of them, where each call takes longer than what it computes.
    if floats:
        torch._foreach_lerp_([mine for mine, _ in floats], [theirs for _, theirs in floats], 1 - decay)
    for mine, theirs in pairs:
        if not mine.is_floating_point():
            mine.copy_(theirs)
