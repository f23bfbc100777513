"""What views keep of an image's colours: nothing, or most of it.

Shapes: B views of T x T px, values about 0-1. Random numbers come from torch's global generator of the views' device.
"""

import math

import torch
from torch import Tensor

from maskdistill.stages.training.full_precision import without_autocast

_GREY_RATE, _MIX_RATE, _NEGATIVE_RATE = 0.5, 0.5, 0.5
_JITTER_RATE, _JITTERED_GREY_RATE, _SOLAR_RATE = 0.8, 0.2, 0.1


@without_autocast
def erase_colours(views: Tensor, strength: float) -> Tensor:
    """Give each view (B, 3, T, T) other colours, and a mean and a contrast that tell nothing about its image.

    Args:
        views: float (B, 3, T, T).
        strength: How far; 0 = every view becomes grey in a random mixture of its channels, 1 = all of it.
    """
    n = len(views)
    is_grey = chance(n, 1 + (_GREY_RATE - 1) * strength, views)
    mixing = _hue_rotations(uniform(n, -math.pi, math.pi, views))
    mixing = mixing * torch.where(chance(n, _NEGATIVE_RATE * strength, views), -1.0, 1.0)[:, None, None]
    is_mixed = chance(n, _MIX_RATE * strength, views)[:, None, None]
    mixing = torch.where(is_mixed, torch.randn(n, 3, 3, device=views.device), mixing)
    weights = torch.randn(n, 1, 3, device=views.device)
    weights = torch.where(chance(n, strength, views)[:, None, None], weights, weights.abs()).expand(n, 3, 3)
    mixing = torch.where(is_grey[:, None, None], weights, mixing)
    mixed = torch.einsum("bij,bjhw->bihw", mixing, views - views.mean(dim=(2, 3), keepdim=True))
    contrast = uniform(n, 0.1, 0.28, views) / (mixed.flatten(1).std(dim=1) + 0.02)
    tint = (torch.rand(n, 3, device=views.device) - 0.5) * 0.3 * ~is_grey[:, None]
    mean = uniform(n, 0.3, 0.7, views)[:, None] + tint
    return mixed * contrast[:, None, None, None] + mean[:, :, None, None]


@without_autocast
def jitter_colours(views: Tensor, strength: float, solar_rate: float = _SOLAR_RATE) -> Tensor:
    """Vary brightness, contrast, saturation and hue of most views (B, 3, T, T); some become grey, some solarised.

    The amounts of DINO (arXiv 2104.14294, appendix), scaled by `strength`, 0 to 1, as is how often one is solarised.
    """
    n = len(views)
    amount = strength * chance(n, _JITTER_RATE, views)
    brightness, contrast, saturation = (1 + amount * uniform(n, -x, x, views) for x in (0.4, 0.4, 0.2))
    saturation = torch.where(chance(n, _JITTERED_GREY_RATE * strength, views), 0.0, saturation)
    hue = _hue_rotations(amount * uniform(n, -0.2 * math.pi, 0.2 * math.pi, views))
    grey = torch.full((3, 3), 1 / 3, device=views.device)
    kept = saturation[:, None, None]
    mixing = (kept * torch.eye(3, device=views.device) + (1 - kept) * grey) @ hue
    views = torch.einsum("bij,bjhw->bihw", mixing, views * brightness[:, None, None, None])
    mean = views.mean(dim=(1, 2, 3), keepdim=True)
    views = ((views - mean) * contrast[:, None, None, None] + mean).clamp(0, 1)
    is_solar = chance(n, solar_rate * strength, views)[:, None, None, None]
    return torch.where(is_solar & (views > 0.5), 1 - views, views)


def uniform(n: int, low: float, high: float, like: Tensor) -> Tensor:
    """Random numbers float32 (n,) from low to high, on the device of `like`."""
    return torch.empty(n, device=like.device).uniform_(low, high)


def chance(n: int, rate: float, like: Tensor) -> Tensor:
    """True with probability `rate`: bool (n,), on the device of `like`."""
    return torch.rand(n, device=like.device) < rate


def _hue_rotations(angle: Tensor) -> Tensor:
    """Rotations of colour space about the grey axis by the angles (B,), radians: (B, 3, 3), after Rodrigues."""
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    axis = math.sqrt(1 / 3)
    cross = torch.tensor([[0, -axis, axis], [axis, 0, -axis], [-axis, axis, 0]], device=angle.device)
    identity, projection = torch.eye(3, device=angle.device), torch.full((3, 3), 1 / 3, device=angle.device)
    return cos * identity + (1 - cos) * projection + sin * cross
