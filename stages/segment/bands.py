"""Class scores of an image at its own size, some rows at a time: all of 80 classes at 12 megapixels take 4 GB a view.

C classes. The views of an image are its scores (C, h, w) at several scales or mirrored, as `inference.py` gives them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor

from maskdistill.stages.segment.inference import average_views, combine_views

Band = tuple[slice, Tensor]
"""Some rows of an image, and the scores of their pixels, float32 (C, rows, W)."""

WHOLE_BYTES = 2**26
"""Scores of an image that take no more than this are worked out at once."""
BAND_BYTES = 2**23


@dataclass(frozen=True, eq=False)
class BandedScores:
    """The scores that `combine_views` gives: iterating over them goes from the top to the bottom of the image.

    Attributes:
        views: Scores (C, h', w') of each view of the image.
        size_hw: H and W of the image, px.
        whole_bytes: Most bytes of a view's scores at that size that come as one band, which is kept.
        band_bytes: Most bytes of a view's scores in a band of others, but for one row.
    """

    views: Sequence[Tensor]
    size_hw: tuple[int, int]
    whole_bytes: int = WHOLE_BYTES
    band_bytes: int = BAND_BYTES

    def __iter__(self) -> Iterator[Band]:
        height, width = self.size_hw
        row_bytes = 4 * len(self.views[0]) * width
        if row_bytes * height <= self.whole_bytes:
            yield slice(0, height), self._whole
            return
        enlarged = [_Enlarged.of(view, self.size_hw) for view in self.views]
        step = max(1, self.band_bytes // row_bytes)
        for top in range(0, height, step):
            rows = slice(top, min(top + step, height))
            yield rows, average_views([view.rows(rows)[None] for view in enlarged])[0]

    @cached_property
    def _whole(self) -> Tensor:
        return combine_views(self.views, self.size_hw)


@dataclass(frozen=True, eq=False)
class _Enlarged:
    """Scores that are interpolated where they are asked for.

    Row i of the image lies between row `above[i]` of the scores and the next one, `share[i]` (0-1) of the way down.
    """

    scores: Tensor
    width: int
    above: list[int]
    share: Tensor

    @classmethod
    def of(cls, scores: Tensor, size_hw: tuple[int, int]) -> "_Enlarged":
        """Scores (C, h, w), to be interpolated to the size."""
        # As torch places them, in float32.
        scale = torch.tensor(scores.shape[1], dtype=torch.float32) / size_hw[0]
        place = ((torch.arange(size_hw[0], dtype=torch.float32) + 0.5) * scale - 0.5).clamp_min(0)
        above = place.floor().clamp_max(scores.shape[1] - 1)
        share = (place - above).clamp(0, 1)[:, None].to(scores.device)
        return cls(scores, size_hw[1], above.int().tolist(), share)

    def rows(self, rows: slice) -> Tensor:
        """Scores float32 (C, rows, W)."""
        above, share, last = self.above[rows], self.share[rows], self.scores.shape[1] - 1
        first, end = above[0], min(above[-1] + 1, last) + 1
        needed = self.scores[None, :, first:end].float()
        wide = F.interpolate(needed, size=(end - first, self.width), mode="bilinear", align_corners=False)[0]
        found = wide.new_empty(len(wide), len(above), self.width)
        start = 0
        for place, run in groupby(above):
            stop = start + len(list(run))
            part, down = found[:, start:stop], share[start:stop]
            # In the order of torch's own kernel for CPUs with AVX2: the same to the last bit there.
            torch.mul(wide[:, min(place + 1, last) - first, None], down, out=part)
            part.addcmul_(wide[:, place - first, None], 1 - down)
            start = stop
        return found
