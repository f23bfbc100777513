"""Regions that overlap no mined mask: ignored, where so configured, instead of taught to be background.

Mining finds one object of an image; the others are there without a mask. A detector that is told that they are
background unlearns them, and with them the cluster of their likes. After the idea of CutLER's DropLoss, such regions
have no loss.
"""

from typing import Any

from torch import Tensor


class UnmatchedIgnored:
    """torchvision's `Matcher`, whose unmatched boxes are neither object nor background.

    Args:
        matcher: The matcher to take over from.
        threshold: Boxes whose IoU with every mined box is below this are ignored, 0-1.
    """

    def __init__(self, matcher: Any, threshold: float) -> None:
        self.matcher = matcher
        self.threshold = threshold
        self.BELOW_LOW_THRESHOLD = matcher.BELOW_LOW_THRESHOLD
        self.BETWEEN_THRESHOLDS = matcher.BETWEEN_THRESHOLDS

    def __call__(self, iou: Tensor) -> Tensor:
        """Index of the mined box for each of N boxes, int64 (N,), of IoU (n, N); negative where there is none."""
        matches: Tensor = self.matcher(iou)
        far = (matches == self.BELOW_LOW_THRESHOLD) & (iou.max(dim=0).values < self.threshold)
        return matches.masked_fill(far, self.BETWEEN_THRESHOLDS)


def ignore_unmatched(model: Any, threshold: float) -> None:
    """Ignore unmatched anchors and regions in torchvision's detector `model`, in place; 0 ignores none."""
    if threshold:
        for part in (model.rpn, model.roi_heads):
            part.proposal_matcher = UnmatchedIgnored(part.proposal_matcher, threshold)
