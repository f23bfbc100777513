"""The sizes of Mask R-CNN that both back ends share, so that they differ in their library alone."""

from typing import Literal, NamedTuple

ANCHOR_SHARES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Anchor sides on the five pyramid levels, as shares of the image's short side."""
ASPECT_RATIOS = (0.5, 1.0, 2.0)


class Heads(NamedTuple):
    """Channels of the pyramid and of the heads, and how many boxes per image they learn from.

    `samples` points per side of each cell of a pooled box are averaged; 0 = as many as the cell covers.
    """

    fpn: int
    box: int
    mask: tuple[int, ...]
    boxes_per_image: int
    proposals: int
    samples: int


SIZES: dict[Literal["full", "slim"], Heads] = {
    "full": Heads(fpn=256, box=1024, mask=(256,) * 4, boxes_per_image=512, proposals=1000, samples=0),
    "slim": Heads(fpn=64, box=256, mask=(64,) * 2, boxes_per_image=64, proposals=300, samples=1),
}
