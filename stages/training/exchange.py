"""What the processes of one training exchange, so that the whole batch counts as one.

Each process works on its fraction of the batch. Losses that compare images with each other, and statistics of a batch,
are taken over the rows of all processes, in each of them alike; losses that are means over images are taken over the
process's own. Either way the mean of the processes' gradients is the gradient of one process with the whole batch.
"""

from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from maskdistill.stages.training.distributed import n_processes, rank


def mean_over_processes(values: Tensor) -> Tensor:
    """Mean of a tensor over the processes that train together, the same in all of them; overwrites the tensor."""
    if n_processes() > 1:
        dist.all_reduce(values)
    return values / n_processes()


def gather_ids(ids: list[str]) -> list[str]:
    """The ids of all processes; each has to call it."""
    gathered: list[list[str]] = [ids]
    if n_processes() > 1:
        gathered = [[] for _ in range(n_processes())]
        dist.all_gather_object(gathered, ids)
    return [image_id for part in gathered for image_id in part]


def gather(rows: Tensor, dim: int = 0) -> Tensor:
    """The rows of all processes, in the order of the processes; the same number of them in each.

    Gradients are right where every process computes the same from what it gets, and calls `average_gradients` later.

    Args:
        rows: float, of any shape.
        dim: Along which dimension the processes' rows are joined.
    """
    return rows if n_processes() == 1 else _Gather.apply(rows, dim)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, dim: int) -> Tensor:
        ctx.dim = dim
        rows = rows.contiguous()
        parts = [torch.empty_like(rows) for _ in range(n_processes())]
        dist.all_gather(parts, rows)
        return torch.cat(parts, dim=dim)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        # Each process has the same loss, so the sum over their losses has n times this gradient.
        return gradient.chunk(n_processes(), dim=ctx.dim)[rank()] * n_processes(), None


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace gradients by their mean over the processes; which parameters have one must be the same in all.

    DistributedDataParallel does not fit here: parameters that join in later have no gradient before.
    """
    if n_processes() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    means = mean_over_processes(torch.cat([gradient.flatten() for gradient in gradients]))
    sizes = [gradient.numel() for gradient in gradients]
    for gradient, mean in zip(gradients, torch.split(means, sizes), strict=True):
        gradient.copy_(mean.view_as(gradient))
