"""Batch norm over the images of all processes that train together; torch's own SyncBatchNorm is for GPUs only."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from maskdistill.data.errors import InputError


class _SumOverProcesses(torch.autograd.Function):
    """A sum that all processes get, so that its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


class SynchronisedBatchNorm2d(nn.BatchNorm2d):
    """`BatchNorm2d` whose statistics in training are those of the batches of all processes."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W); sizes may differ between processes."""
        if not self.training:
            return super().forward(x)
        values = x.float()
        count = values.new_full((1,), values.numel() / values.shape[1])
        sums = torch.cat([values.sum(dim=(0, 2, 3)), values.square().sum(dim=(0, 2, 3)), count])
        totals: Tensor = _SumOverProcesses.apply(sums)
        mean, square = (totals[:-1] / totals[-1]).chunk(2)
        variance = (square - mean.square()).clamp(min=0)
        self._remember(mean.detach(), variance.detach(), totals[-1].detach())
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        return (values * scale[:, None, None] + shift[:, None, None]).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """Move the running statistics, the variance as that of a sample, as torch does."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        share = self.momentum if self.momentum is not None else 1 / (float(self.num_batches_tracked) + 1)
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * count / (count - 1).clamp(min=1), share)


def synchronise_norm(module: nn.Module, device: torch.device) -> None:
    """Replace each batch norm of images inside `module`, which is on `device`, keeping its parameters and statistics.

    Batch norms of rows (`BatchNorm1d`) stay as they are: who uses one gathers the rows of all processes first.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d) and device.type == "cuda":
            setattr(module, name, nn.SyncBatchNorm.convert_sync_batchnorm(child))  # type: ignore[no-untyped-call]
        elif isinstance(child, nn.BatchNorm2d):
            norm = SynchronisedBatchNorm2d(child.num_features, eps=child.eps, momentum=child.momentum)
            norm.load_state_dict(child.state_dict())
            setattr(module, name, norm)
        else:
            synchronise_norm(child, device)


@contextmanager
def explain_batch_norm(batch_size: int) -> Iterator[None]:
    """Turn what torch says of a batch norm that sees a single value into an InputError with the remedy."""
    try:
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise InputError(
            f"batch_size: batch norm cannot learn from {batch_size} image of this size; raise batch_size to at least "
            "2, or take larger images"
        ) from error
