"""Two random views of each image that see some of the same place, and where in each of them that is.

B images of S x S px. A crop is (top, left, height, width), a box (x1, y1, x2, y2); both float (B, 4). Random numbers
come from torch's global generator of the images' device.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from maskdistill.stages.pretrain.colours import chance, jitter_colours, uniform
from maskdistill.stages.pretrain.views import blur
from maskdistill.stages.training.full_precision import without_autocast

_TRIES = 10
_LARGEST_RATIO = 4 / 3
_LEAST_OVERLAP = 0.01
"""Of the second crop's area."""
_SIGMAS = (0.1, 2.0)
_BLUR_RADIUS = 4
_BLUR_RATES, _SOLAR_RATES = (1.0, 0.1), (0.0, 0.2)
"""Of the first and of the second view."""


class View(NamedTuple):
    """One view of each image.

    Attributes:
        pixels: float (B, 3, S, S) in 0-1.
        boxes: What the other view sees as well, in fractions of this one.
        flipped: Which ones are mirrored, bool (B,).
    """

    pixels: Tensor
    boxes: Tensor
    flipped: Tensor


def draw_two_views(images: Tensor, area: tuple[float, float]) -> tuple[View, View]:
    """Two views of images, float (B, 3, S, S) in 0-1: cropped to a fraction of their area, flipped, colours changed."""
    first, second = draw_crops(len(images), area, images)
    boxes = overlap_boxes(first, second)
    views = []
    for number, crops in enumerate((first, second)):
        flipped = chance(len(images), 0.5, images)
        pixels = jitter_colours(cut(images, crops, flipped), 1.0, _SOLAR_RATES[number])
        chosen = chance(len(images), _BLUR_RATES[number], images)
        radius = min(_BLUR_RADIUS, images.shape[-1] - 1)
        pixels = blur(pixels, uniform(len(images), *_SIGMAS, images), chosen, radius)
        views.append(View(pixels, mirrored(boxes[number], flipped), flipped))
    return views[0], views[1]


def draw_crops(n: int, area: tuple[float, float], like: Tensor) -> tuple[Tensor, Tensor]:
    """Two crops of each of n images, in fractions of their side; the second sees some of the first, where one does."""
    whole = like.new_tensor([0.0, 0.0, 1.0, 1.0]).expand(n, 4)
    first, second = _candidates(n, area, like), _candidates(n, area, like)
    fits = [(candidates[..., 2:] <= 1).all(dim=-1) for candidates in (first, second)]
    chosen = _first_of(first, fits[0], whole)
    enough = intersection(second, chosen) >= _LEAST_OVERLAP * second[..., 2:].prod(dim=-1)
    return chosen, _first_of(second, fits[1] & enough, _first_of(second, fits[1], whole))


def _candidates(n: int, area: tuple[float, float], like: Tensor) -> Tensor:
    """Random crops (tries, n, 4); some are larger than the image."""
    count = _TRIES * n
    shares = uniform(count, *area, like)
    ratios = uniform(count, -math.log(_LARGEST_RATIO), math.log(_LARGEST_RATIO), like).exp()
    sides = torch.stack([(shares / ratios).sqrt(), (shares * ratios).sqrt()], dim=1)
    corners = torch.rand(count, 2, device=like.device) * (1 - sides)
    return torch.cat([corners, sides], dim=1).view(_TRIES, n, 4)


def _first_of(candidates: Tensor, accepted: Tensor, otherwise: Tensor) -> Tensor:
    """For each image the first candidate (tries, n, 4) that is accepted, bool (tries, n)."""
    number = accepted.int().argmax(dim=0)
    chosen = candidates[number, torch.arange(len(number), device=number.device)]
    return torch.where(accepted.any(dim=0)[:, None], chosen, otherwise)


def intersection(crops: Tensor, others: Tensor) -> Tensor:
    """Area that crops (..., 4) share with others."""
    ends = torch.minimum(crops[..., :2] + crops[..., 2:], others[..., :2] + others[..., 2:])
    return (ends - torch.maximum(crops[..., :2], others[..., :2])).clamp(min=0).prod(dim=-1)


def overlap_boxes(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """What two crops share, as a box in fractions of the first and of the second, before any of them is flipped."""
    start = torch.maximum(first[:, :2], second[:, :2])
    end = torch.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:])
    corners = [[(at - crop[:, :2]) / crop[:, 2:] for at in (start, end)] for crop in (first, second)]
    ours, theirs = (torch.cat([lowest.flip(1), highest.flip(1)], dim=1) for lowest, highest in corners)
    return ours, theirs


def mirrored(boxes: Tensor, flipped: Tensor) -> Tensor:
    """The boxes as they lie where views are flipped, bool (B,), left to right."""
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    return torch.where(flipped[:, None], torch.stack([1 - x2, y1, 1 - x1, y2], dim=1), boxes)


@without_autocast
def cut(images: Tensor, crops: Tensor, flipped: Tensor) -> Tensor:
    """The crops, in fractions of the side, of images (B, 3, S, S) at the images' size, flipped where so marked."""
    top, left, height, width = crops.unbind(dim=1)
    nothing = torch.zeros_like(top)
    across = torch.stack([torch.where(flipped, -width, width), nothing, 2 * left + width - 1], dim=1)
    down = torch.stack([nothing, height, 2 * top + height - 1], dim=1)
    grid = F.affine_grid(torch.stack([across, down], dim=1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bicubic", padding_mode="reflection", align_corners=False).clamp(0, 1)
