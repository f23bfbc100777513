"""What the ResNet is to predict: the tokens of a Vision Transformer, each dimension with zero mean and unit deviation.

Shapes: B images of S x S px, D = dimension of the tokens, h x w the grid of patches.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from maskdistill.stages.networks.vit import VisionBackbone

Targets = tuple[Tensor, Tensor]
"""Class tokens (B, D) and patch tokens (B, D, h, w), float32."""


class Teacher:
    """A frozen ViT and the statistics of its tokens.

    Args:
        vit: The ViT, on its device.
        batches: Images uint8 (B, 3, S, S) that the statistics are taken from.
    """

    def __init__(self, vit: VisionBackbone, batches: Iterable[Tensor]) -> None:
        self.vit = vit
        found = [self._tokens(images.float() / 255) for images in batches]
        classes = torch.cat([tokens[:, 0] for tokens in found])
        patches = torch.cat([tokens[:, 1:].flatten(0, 1) for tokens in found])
        self.class_statistics, self.patch_statistics = _statistics(classes), _statistics(patches)

    def __call__(self, images: Tensor) -> Targets:
        """Targets of images, float (B, 3, S, S) in 0-1, S a multiple of the patch size."""
        rows = images.shape[2] // self.vit.patch_size
        tokens = self._tokens(images)
        classes = _standardise(tokens[:, 0], self.class_statistics)
        patches = _standardise(tokens[:, 1:], self.patch_statistics)
        return classes, patches.transpose(1, 2).reshape(len(images), self.vit.dim, rows, -1)

    def _tokens(self, images: Tensor) -> Tensor:
        mean, std = (images.new_tensor(values).view(3, 1, 1) for values in (self.vit.mean, self.vit.std))
        with torch.no_grad():
            return self.vit.tokens((images - mean) / std).float()


def _statistics(vectors: Tensor) -> tuple[Tensor, Tensor]:
    return vectors.mean(dim=0), vectors.std(dim=0).clamp(min=1e-6)


def _standardise(vectors: Tensor, statistics: tuple[Tensor, Tensor]) -> Tensor:
    mean, std = statistics
    return (vectors - mean) / std
