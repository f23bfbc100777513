"""The whole way from pixels to labels as one network, for other programs.

B images of H x W px, C classes: uint8 (B, 3, H, W) -> labels uint8 (B, H, W), or probabilities float32 (B, C, H, W).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from maskdistill.stages.networks.graph_files import PixelNetwork
from maskdistill.stages.segment.augment import scaled_hw
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.inference import combine_batches, view_scores
from maskdistill.stages.segment.model import Segmenter

_EXAMPLE_WIDTHS = range(131, 197, 6)
_EXAMPLE_HEIGHT = 97
_PATCH_SIZES = (8, 14, 16, 32)


class PixelsToLabels(PixelNetwork):
    """A segmenter with what stands before and behind it: sizes, scales and mirror images, and the choice of a class.

    What works on single images is left out: windows, CRF, and one class for each region.

    Args:
        segmenter: In eval mode.
        config: Its settings.
        size_hw: Every image is brought to the size that one of this size would have in the network; None = each has its
            own.
        probabilities: Whether these are given instead of labels.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        config: SegmentConfig,
        size_hw: tuple[int, int] | None = None,
        *,
        probabilities: bool = False,
    ) -> None:
        super().__init__()
        self.segmenter, self.config = segmenter, config.model_copy(update={"window": None})
        self.size_hw, self.probabilities = size_hw, probabilities
        self.outputs = ("probabilities" if probabilities else "labels",)

    def forward(self, images: Tensor) -> Tensor:
        """Labels or probabilities of images uint8 (B, 3, H, W) RGB."""
        own_hw = (images.shape[2], images.shape[3])
        views = [self._view(images, self.size_hw or own_hw, scale) for scale in self.config.inference_scales]
        scores = combine_batches(view_scores(self.segmenter, views, self.config), own_hw)
        return scores.softmax(dim=1) if self.probabilities else scores.argmax(dim=1).to(torch.uint8)

    def example_hw(self) -> tuple[int, int]:
        """A size whose views are no whole patches: what is done for the example is done for all images, and bringing an
        image to whole patches does no harm to those that consist of them."""
        for width in _EXAMPLE_WIDTHS:
            own = _EXAMPLE_HEIGHT, width
            views = [scaled_hw(own, self.config.image_size, scale) for scale in self.config.inference_scales]
            if all(any(side % patch for side in view) for view in views for patch in _PATCH_SIZES):
                return own
        raise AssertionError(f"no example for {self.config.image_size} px, {self.config.inference_scales}")

    def _view(self, images: Tensor, size_hw: tuple[int, int], scale: float) -> Tensor:
        """The images at one of the scales, in whole numbers after each direction, as torch resizes uint8."""
        if self.size_hw is None and self.config.image_size is None and scale == 1:
            return images
        height, width = scaled_hw(size_hw, self.config.image_size, scale)
        return _resized(_resized(images.float(), (images.shape[2], width)), (height, width))


def _resized(images: Tensor, size_hw: tuple[int, int]) -> Tensor:
    resized = F.interpolate(images, size=size_hw, mode="bilinear", antialias=True, align_corners=False)
    return resized.round().clamp(0, 255)
