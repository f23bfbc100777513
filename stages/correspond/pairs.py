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

    def at(self, maps: Tensor, similar: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Values of maps (B, C, S, S) here, and of the similar and the other images there, (B, C, a, a) each."""
        others = [at_points(maps[other], self.there) for other in self.others]
        return at_points(maps, self.here), at_points(similar, self.there), others

    def compare(self, maps: Tensor, similar: Tensor) -> Compared:
        """Correlations of maps (B, C, S, S) with themselves, with those of similar images and with each other."""
        here, there, others = self.at(maps, similar)
        return {
            "same": [correlations(here, here)],
            "similar": [correlations(here, there)],
            "other": [correlations(here, other) for other in others],
        }

    def agree(self, labels: Tensor, similar: Tensor, others: list[Tensor]) -> Compared:
        """Whether labels at the points are the same, float as `compare` has it; labels (B, a, a) as `at` has them."""
        there = {"same": [labels], "similar": [similar], "other": others}
        return {kind: [_equal(labels, one) for one in found] for kind, found in there.items()}


def _equal(first: Tensor, second: Tensor) -> Tensor:
    return (first[:, :, :, None, None] == second[:, None, None]).float()
