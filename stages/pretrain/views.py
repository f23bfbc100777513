"""Random views of a batch of images, drawn for the whole batch at once.

Shapes: B images, S x S px; T = size of a view, px. All random numbers come from torch's global generator of the
images' device.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from maskdistill.stages.pretrain.colours import chance, erase_colours, jitter_colours, uniform
from maskdistill.stages.pretrain.config import ViewsConfig
from maskdistill.stages.training.full_precision import without_autocast

_BLUR_RATE = 0.3
_LARGEST_NOISE = 0.05
_MILD_LARGE, _MILD_SMALL = (0.6, 1.0), (0.25, 0.5)


def multi_crop(images: Tensor, config: ViewsConfig, strength: float) -> tuple[Tensor, Tensor]:
    """Two large views and `n_local` small ones of each image.

    Args:
        images: float (B, 3, S, S) in 0-1.
        config: Sizes and areas.
        strength: How far views are changed, 0 to 1.

    Returns:
        float (2, B, 3, T, T) and (n_local, B, 3, T', T') in 0-1.
    """
    recolour = erase_colours if config.colours == "erased" else jitter_colours

    def draw(count: int, size: int, mild: tuple[float, float], full: tuple[float, float]) -> Tensor:
        if count == 0:
            return images.new_empty(0, len(images), 3, size, size)
        area = (mild[0] + (full[0] - mild[0]) * strength, mild[1] + (full[1] - mild[1]) * strength)
        # One call for all views of a size: on small views, the calls cost more than the arithmetic.
        views = crop(images.repeat(count, 1, 1, 1), size, area, config.rotation, strength)
        return perturb(recolour(views, strength)).view(count, len(images), 3, size, size)

    return (
        draw(2, config.global_size, _MILD_LARGE, config.global_area),
        draw(config.n_local, config.local_size, _MILD_SMALL, config.local_area),
    )


@without_autocast
def crop(images: Tensor, size: int, area: tuple[float, float], rotation: float, strength: float) -> Tensor:
    """Random rectangles of the images, turned and flipped left to right, as float (B, 3, size, size).

    Args:
        images: float (B, 3, S, S).
        size: Side of the crops, px.
        area: Smallest and largest fraction of the image.
        rotation: Largest turn to either side, degrees, at full strength.
        strength: Scales the turn and how often crops are flipped, 0 to 1.
    """
    n, like = len(images), images
    shares, ratios = uniform(n, *area, like), torch.exp(uniform(n, -0.2, 0.2, like))
    width, height = (shares * ratios).sqrt().clamp(max=1), (shares / ratios).sqrt().clamp(max=1)
    turn = uniform(n, -1, 1, like) * math.radians(rotation) * strength
    flip = torch.where(chance(n, 0.5 * strength, like), -1.0, 1.0)
    cos, sin = turn.cos(), turn.sin()
    across = torch.stack([width * cos * flip, -width * sin, (1 - width) * uniform(n, -1, 1, like)], dim=1)
    down = torch.stack([height * sin * flip, height * cos, (1 - height) * uniform(n, -1, 1, like)], dim=1)
    grid = F.affine_grid(torch.stack([across, down], dim=1), [n, 3, size, size], align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


@without_autocast
def perturb(views: Tensor) -> Tensor:
    """Blur some of the views, add noise to all, and clip them to 0-1."""
    n = len(views)
    noisy = blur(views, uniform(n, 0.4, 0.9, views), chance(n, _BLUR_RATE, views))
    noisy = noisy + torch.randn_like(noisy) * uniform(n, 0, _LARGEST_NOISE, views)[:, None, None, None]
    return noisy.clamp(0, 1)


def blur(views: Tensor, sigmas: Tensor, chosen: Tensor, radius: int = 2) -> Tensor:
    """Gaussian blur of the views (B, 3, T, T) that are chosen, bool (B,), each with its sigma (B,) in px.

    Px further away than `radius`, which is less than T, count for nothing.
    """
    if not chosen.any():
        return views
    picked = views[chosen]
    offsets = torch.arange(-radius, radius + 1, device=views.device, dtype=views.dtype)
    kernels = torch.exp(-(offsets**2) / (2 * sigmas[chosen, None] ** 2))
    kernels = (kernels / kernels.sum(dim=1, keepdim=True)).repeat_interleave(3, dim=0)
    stacked = F.pad(picked, (radius,) * 4, "reflect").flatten(0, 1)[None]
    rows = F.conv2d(stacked, kernels[:, None, :, None], groups=stacked.shape[1])
    both = F.conv2d(rows, kernels[:, None, None, :], groups=stacked.shape[1])
    return views.index_put((chosen,), both.view_as(picked))
