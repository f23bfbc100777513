"""What masks are clustered by: the features of a mask, from one forward pass of its view.

Shapes: B views, N patches, D = embedding dimension of the ViT.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from maskdistill.stages.networks.vit import VisionBackbone


@dataclass(frozen=True)
class MaskFeatures:
    """One kind of features.

    Attributes:
        of: From the ViT, normalised images (B, 3, height, width), and the fraction of each of their patches that the
            mask covers (B, N), to features, float32 (B, width).
        parts: Their width is so many times D.
        divided: Whether each dimension is divided by its standard deviation before K-means.
    """

    of: Callable[[VisionBackbone, Tensor, Tensor], Tensor]
    parts: int = 1
    divided: bool = False


def class_token(vit: VisionBackbone, images: Tensor, cover: Tensor) -> Tensor:
    """The class token, (B, D); it sees all of the view (paper section 3.2)."""
    return vit.class_token(images).float()


def pooled(vit: VisionBackbone, images: Tensor, cover: Tensor) -> Tensor:
    """The mean patch token inside the mask, (B, D)."""
    return pool(vit.tokens(images)[:, 1:], cover)


def both(vit: VisionBackbone, images: Tensor, cover: Tensor) -> Tensor:
    """Class token and mean patch token, each of length 1, side by side, (B, 2 D)."""
    tokens = vit.tokens(images)
    return torch.cat([F.normalize(tokens[:, 0].float(), dim=1), F.normalize(pool(tokens[:, 1:], cover), dim=1)], dim=1)


def pool(patches: Tensor, cover: Tensor) -> Tensor:
    """Mean of patch tokens (B, N, D), each counted by the fraction that the mask covers, (B, N): float32 (B, D).

    So a mask smaller than a patch has the token of the patch that it lies in.
    """
    weights = cover / cover.sum(dim=1, keepdim=True)
    return (patches.float() * weights[:, :, None]).sum(dim=1)


FEATURES: Mapping[str, MaskFeatures] = {
    "cls": MaskFeatures(class_token, divided=True),
    "pooled": MaskFeatures(pooled),
    "both": MaskFeatures(both, parts=2),
}
"""By the value of `cluster.features`."""
