"""What is computed in float32 even in the middle of a forward pass in 16 bits: geometry, colours, similarities."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def without_autocast(function: Callable[P, R]) -> Callable[P, R]:
    """Have a function whose first argument is a tensor compute in the types of its arguments, whoever calls it.

    Under autocast any product of matrices would give bfloat16, whose 8 bits move a sampling point by half a pixel.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        first = args[0]
        assert isinstance(first, Tensor)
        with torch.autocast(first.device.type, enabled=False):
            return function(*args, **kwargs)

    return run


@without_autocast
def cosine_similarity(vectors: Tensor, rows: Tensor) -> Tensor:
    """Cosine of each of the vectors, float (..., D), with each of the rows, float (K, D): float32 (..., K)."""
    normalize = torch.nn.functional.normalize
    return normalize(vectors.float(), dim=-1) @ normalize(rows.float(), dim=-1).T
