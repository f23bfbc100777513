"""What a detector back end must offer. The stage knows nothing else of it, so that another library fits in here.

n objects of one image of H x W px; clusters count from 0, and a back end adds its own background where it needs one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn


class Target(TypedDict):
    """What a detector learns of one image."""

    boxes_xyxy: Tensor
    """float32 (n, 4), px; the right and lower edges lie one pixel past the mask, so no box is empty."""
    clusters: Tensor
    """int64 (n,)"""
    masks: Tensor
    """bool (n, H, W), none of them empty"""


@dataclass(frozen=True, eq=False)
class Detections:
    """What a detector finds in one image, by descending score.

    Attributes:
        boxes_xyxy: float32 (n, 4), px of the image as it was given.
        scores: float32 (n,), 0-1.
        clusters: int32 (n,).
        masks: bool (n, H, W) at the size of the image; may be empty where a box is tiny.
    """

    boxes_xyxy: NDArray[np.float32]
    scores: NDArray[np.float32]
    clusters: NDArray[np.int32]
    masks: NDArray[np.bool_]


class Detector(Protocol):
    """A detector in training and in use. Images are uint8 (3, H, W) RGB on the detector's device."""

    module: nn.Module
    """What is trained, saved and switched between training and use."""

    def losses(self, images: Sequence[Tensor], targets: Sequence[Target]) -> dict[str, Tensor]:
        """Named losses, scalars, of images that have their training size already."""

    def detect(self, images: Sequence[Tensor]) -> list[Detections]:
        """Candidates of images of any size; the detector resizes them itself."""

    def padded_hw(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Size at which an image of `size_hw` enters the network; images that share it can share a batch."""
