"""The squares of training images that a head learns on.

Shapes: h x w patches of an image, C channels of a map, S patches along the side of a square.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Corner = tuple[float, float]
"""Where a window lies along the two axes of its image, 0-1; a negative number = anywhere, drawn anew each time."""

_ANYWHERE: Corner = (-1.0, -1.0)
_FIVE: Sequence[Corner] = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5))


@dataclass(frozen=True)
class Windows:
    """The windows of all training images: items of a training, in the order of the images.

    Attributes:
        n_images: How many images.
        five: Whether an image gives five windows of half its sides, else one: a square of its short side.
    """

    n_images: int
    five: bool

    def __len__(self) -> int:
        return self.n_images * (len(_FIVE) if self.five else 1)

    def image(self, item: int) -> int:
        """The image of a window."""
        return item // len(_FIVE) if self.five else item

    def cut(self, item: int, grid_hw: Sequence[int]) -> tuple[slice, slice]:
        """Rows and columns of a square within a window; draws from torch's generator."""
        height, width = grid_hw
        corner = _FIVE[item % len(_FIVE)] if self.five else _ANYWHERE
        side = max(1, min(height, width) // (2 if self.five else 1))
        rows, columns = (_span(length, side, at) for length, at in zip((height, width), corner, strict=True))
        return rows, columns


def _span(length: int, side: int, at: float) -> slice:
    room = length - side
    start = int(torch.randint(room + 1, ())) if at < 0 else round(at * room)
    return slice(start, start + side)


def resized(square: Tensor, side: int) -> Tensor:
    """A square (C, s, s) as (C, S, S), the same where s = S."""
    if square.shape[1:] == (side, side):
        return square
    return F.interpolate(square[None].float(), size=(side, side), mode="bilinear", align_corners=False)[0]
