"""What is compared with what in a step of STEGO: random points of images, of similar images, and of other ones.

Shapes: B images, C channels, a points along a side.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from maskdistill.stages.correspond.correlation import at_points, correlations, other_images

Compared = Mapping[str, list[Tensor]]
"""Correlations (B, a, a, a, a) by kind of pair: `same` and `similar` one each, `other` as many as there are."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Values at the points, (B, C, a, a) each: of the images, of similar ones, and of the others."""

    here: Tensor
    there: Tensor
    others: list[Tensor]

    def compare(self) -> Compared:
        """Correlations of images with themselves, with similar ones, and with each other."""
        return {
            "same": [correlations(self.here, self.here)],
            "similar": [correlations(self.here, self.there)],
            "other": [correlations(self.here, other) for other in self.others],
        }


@dataclass(frozen=True, eq=False)
class Pairs:
    """The points of one step, and the other images.

    Attributes:
        here: float (B, a, a, 2), points of the images themselves.
        there: float (B, a, a, 2), points of what they are compared with, except with themselves.
        others: int64 (B,) each, another image for every image.
    """

    here: Tensor
    there: Tensor
    others: list[Tensor]

    @classmethod
    def draw(cls, n_images: int, points: int, others: int, device: torch.device) -> "Pairs":
        """Random ones, from torch's global generator of the device."""
        here, there = (torch.rand(n_images, points, points, 2, device=device) * 2 - 1 for _ in range(2))
        permutations = [torch.randperm(n_images, device=device) for _ in range(others)]
        return cls(here, there, [other_images(one) for one in permutations])

    def seen(self, maps: Tensor, similar: Tensor) -> Seen:
        """What maps (B, C, S, S) and those of similar images are at the points."""
        others = [at_points(maps[other], self.there) for other in self.others]
        return Seen(at_points(maps, self.here), at_points(similar, self.there), others)

    def seen_once(self, maps: Tensor, similar: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same, but each image is seen at its own points wherever it is compared with another: (B, C, a, a) each.

        `among` makes of it what is compared; in between, a head has three maps to see instead of two plus the others.
        """
        return at_points(maps, self.here), at_points(similar, self.there), at_points(maps, self.there)

    def among(self, here: Tensor, there: Tensor, own: Tensor) -> Seen:
        """What is compared, of images seen once."""
        return Seen(here, there, [own[other] for other in self.others])


def agreement(labels: Tensor, similar: Tensor, others: list[Tensor]) -> Compared:
    """Whether labels (B, a, a) at the points are the same, as floats in the form of correlations."""
    there = {"same": [labels], "similar": [similar], "other": others}
    return {kind: [_equal(labels, one) for one in found] for kind, found in there.items()}


def _equal(first: Tensor, second: Tensor) -> Tensor:
    return (first[:, :, :, None, None] == second[:, None, None]).float()
