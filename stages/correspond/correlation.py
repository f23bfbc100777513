"""What STEGO compares: features and codes of pairs of images at random points, and the loss between the two.

STEGO: Hamilton et al. 2022, arXiv 2203.08414, section 3. Shapes: B pairs of images, C channels, h x w points of the
first image, i x j points of the second.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from maskdistill.stages.training.full_precision import without_autocast

_LEAST_NORM = 1e-10
_MOST_STABLE = 0.8


@without_autocast
def correlations(first: Tensor, second: Tensor) -> Tensor:
    """Cosine of every point of (B, C, h, w) with every point of (B, C, i, j): (B, h, w, i, j)."""
    first, second = (F.normalize(one.float(), dim=1, eps=_LEAST_NORM) for one in (first, second))
    return torch.einsum("bchw,bcij->bhwij", first, second)


@without_autocast
def at_points(maps: Tensor, points: Tensor) -> Tensor:
    """Values of maps at points between their pixels, bilinear; beyond the border, those of the border.

    Args:
        maps: float (B, C, H, W).
        points: float (B, a, b, 2), x and y each from -1 to 1, the middles of the outermost pixels.

    Returns:
        (B, C, b, a): the authors swap the two axes, and so does this.
    """
    swapped = points.transpose(1, 2)
    return F.grid_sample(maps.float(), swapped, mode="bilinear", padding_mode="border", align_corners=True)


def centred(features: Tensor) -> Tensor:
    """Correlations (B, h, w, i, j) less their mean over the second image, with the mean of the whole batch put back.

    The paper leaves out the last part, which the published code has: the shifts make sense only with it.
    """
    return features - features.mean(dim=(3, 4), keepdim=True) + features.mean()


def correlation_loss(
    features: Tensor, codes: Tensor, shift: float, *, zero_clamp: bool = True, stabilise: bool = False
) -> Tensor:
    """How far the codes fail to be alike where the features are more alike than the shift, element by element.

    Args:
        features: Correlations of features (B, h, w, i, j), centred or not; no gradient flows into them.
        codes: Correlations of codes, of the same shape.
        shift: b; a larger one pushes more pairs apart.
        zero_clamp: Whether codes that point away from each other count as 0, so that nothing pushes them further.
        stabilise: Whether codes more alike than 0.8 count as 0.8.

    Returns:
        (B, h, w, i, j); its mean is to be minimised.
    """
    if zero_clamp:
        codes = codes.clamp(min=0.0)
    if stabilise:
        codes = codes.clamp(max=_MOST_STABLE)
    return -codes * (features.detach() - shift)


def other_images(permutation: Tensor) -> Tensor:
    """An index of another image for every image of a batch, from a random permutation int64 (B,), B >= 2.

    Where an image has drawn itself it takes the next one, so that an index may occur twice.
    """
    n_images, own = len(permutation), torch.arange(len(permutation), device=permutation.device)
    return (permutation + (permutation == own)) % n_images
