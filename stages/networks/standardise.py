"""Tokens of a ViT differ widely in scale between their channels: here each gets the same."""

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """Gives each of D channels the mean 0 and the deviation 1, once it is told what they are."""

    mean: Tensor
    std: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))

    def set(self, mean: Tensor, std: Tensor) -> None:
        """Take over mean and deviation of each channel, (D,)."""
        self.mean.copy_(mean)
        self.std.copy_(std)

    def forward(self, tokens: Tensor) -> Tensor:
        """Of tokens (B, D, h, w) of any float type, in that of the mean."""
        scale = 1 / self.std[:, None, None]
        return torch.addcmul(-self.mean[:, None, None] * scale, tokens.to(self.mean), scale)
