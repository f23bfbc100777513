"""DenseCRF: label probabilities made to follow the edges of the photo, by mean-field inference.

N = H x W pixels, C classes. Potts compatibility; both kernels are normalised symmetrically, D^-1/2 K D^-1/2, and count
a pixel as its own neighbour, as the implementation of its authors does (Krähenbühl and Koltun 2011, arXiv 1210.5644).
"""

from collections.abc import Callable
from functools import lru_cache
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from maskdistill.data.arrays import UInt8Array
from maskdistill.stages.crf.bilateral import bilateral_filter
from maskdistill.stages.crf.config import CrfConfig
from maskdistill.stages.networks.resize import limit_long_side, resize

Filter = Callable[[Tensor], Tensor]
_GAUSSIAN_REACH = 5.0
"""In standard deviations; the kernel is below 4e-6 there."""
_FEW = 7
"""Most classes of which a CPU is faster, two to four times, where the pixels lie next to each other."""


def refine(logits: Tensor, image: UInt8Array, config: CrfConfig) -> Tensor:
    """Class probabilities after mean-field inference (section 5 of the paper).

    Args:
        logits: float (C, H, W), whose softmax is the probability before.
        image: (H, W, 3) RGB.
        config: Kernels and number of updates.

    Returns:
        float32 (C, H, W) on the device of the logits.

    Raises:
        ValueError: Image and logits differ in size.
    """
    n_classes, height, width = logits.shape
    if image.shape != (height, width, 3):
        raise ValueError(f"image is {image.shape}, logits are of {height} x {width} px")
    unary = logits.float().reshape(n_classes, -1).T.contiguous()
    filters = _filters(image, config, logits.device)
    marginals = _probabilities(unary)
    for _ in range(config.iterations):
        message = unary.clone()
        for weight, pairwise in filters:
            message.add_(pairwise(marginals), alpha=weight)
        marginals = _probabilities(message)
    return marginals.T.reshape(n_classes, height, width)


def _probabilities(logits: Tensor) -> Tensor:
    """Softmax over the classes of float32 (N, C)."""
    if logits.is_cuda or logits.shape[1] > _FEW:
        return logits.softmax(dim=1)
    return logits.T.contiguous().softmax(dim=0).T.contiguous()


def refine_within(logits_at: Callable[[tuple[int, int]], Tensor], image: UInt8Array, config: CrfConfig) -> Tensor:
    """Class probabilities of every pixel, worked out on a smaller copy of an image that is larger than `max_side`.

    Args:
        logits_at: Gives the logits, float (C, h, w), at a height and width.
        image: (H, W, 3) RGB.
        config: Kernels, number of updates, and the largest side.

    Returns:
        float32 (C, H, W).
    """
    size_hw = (image.shape[0], image.shape[1])
    return F.interpolate(
        refine_inner(logits_at, image, config)[None], size=size_hw, mode="bilinear", align_corners=False
    )[0]


def refine_inner(logits_at: Callable[[tuple[int, int]], Tensor], image: UInt8Array, config: CrfConfig) -> Tensor:
    """As `refine_within`, and the result at the size of the smaller copy."""
    inner_hw = limit_long_side((image.shape[0], image.shape[1]), config.max_side)
    return refine(logits_at(inner_hw), resize(image, inner_hw), config)


def _filters(image: UInt8Array, config: CrfConfig, device: torch.device) -> list[tuple[float, Filter]]:
    filters: list[tuple[float, Filter]] = []
    if config.gaussian_weight:
        size_hw = (image.shape[0], image.shape[1])
        filters.append((config.gaussian_weight, gaussian_filter(size_hw, config.gaussian_sxy, device)))
    if config.bilateral_weight:
        appearance = bilateral_filter(
            image, config.bilateral_sxy, config.bilateral_srgb, config.cell, config.reach, device
        )
        filters.append((config.bilateral_weight, appearance))
    return filters


@lru_cache(maxsize=4)
def gaussian_filter(size_hw: tuple[int, int], sxy: float, device: torch.device) -> Filter:
    """The symmetrically normalised Gaussian filter of images of one size, float32 (N, C) -> (N, C); `sxy` in px.

    Those of the last few sizes are kept, as the images of a data set have few.
    """
    reach = ceil(_GAUSSIAN_REACH * sxy)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=device) / sxy) ** 2)

    def blur(values: Tensor) -> Tensor:
        channels = values.shape[1]
        # (N, C) is an image with its channels last: no copy is made.
        x = values.view(1, *size_hw, channels).permute(0, 3, 1, 2)
        x = F.conv2d(x, kernel.view(1, 1, -1, 1).expand(channels, -1, -1, -1), padding=(reach, 0), groups=channels)
        x = F.conv2d(x, kernel.view(1, 1, 1, -1).expand(channels, -1, -1, -1), padding=(0, reach), groups=channels)
        return x.permute(0, 2, 3, 1).reshape(values.shape)

    scale = blur(torch.ones(size_hw[0] * size_hw[1], 1, device=device)).rsqrt()
    return lambda values: scale * blur(scale * values)
