"""The whole way from pixels to labels as one network, in a file that other programs run: ONNX or TorchScript.

B images of H x W px, C classes: uint8 (B, 3, H, W) -> labels uint8 (B, H, W), or probabilities float32 (B, C, H, W).
"""

import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskdistill.stages.segment.augment import scaled_hw
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.inference import combine_batches, view_scores
from maskdistill.stages.segment.model import Segmenter

OPSET = 18
"""The first in which images are made smaller with antialiasing."""
_EXAMPLE_WIDTHS = range(131, 197, 6)
_EXAMPLE_HEIGHT = 97
_PATCH_SIZES = (8, 14, 16, 32)
_FLOAT, _INT64 = 1, 7
"""Types, as ONNX numbers them."""


class PixelsToLabels(nn.Module):
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

    def forward(self, images: Tensor) -> Tensor:
        """Labels or probabilities of images uint8 (B, 3, H, W) RGB."""
        own_hw = (images.shape[2], images.shape[3])
        views = [self._view(images, self.size_hw or own_hw, scale) for scale in self.config.inference_scales]
        scores = combine_batches(view_scores(self.segmenter, views, self.config), own_hw)
        return scores.softmax(dim=1) if self.probabilities else scores.argmax(dim=1).to(torch.uint8)

    def _view(self, images: Tensor, size_hw: tuple[int, int], scale: float) -> Tensor:
        """The images at one of the scales, in whole numbers after each direction, as torch resizes uint8."""
        if self.size_hw is None and self.config.image_size is None and scale == 1:
            return images
        height, width = scaled_hw(size_hw, self.config.image_size, scale)
        return _resized(_resized(images.float(), (images.shape[2], width)), (height, width))


def _resized(images: Tensor, size_hw: tuple[int, int]) -> Tensor:
    resized = F.interpolate(images, size=size_hw, mode="bilinear", antialias=True, align_corners=False)
    return resized.round().clamp(0, 255)


def write_onnx(network: PixelsToLabels, path: Path) -> None:
    """Write an ONNX file that takes `image`, of any size, and gives `labels` or `probabilities`."""
    op: Any = import_module("onnxscript").opset18

    def rounded(value: Any, digits: None = None) -> Any:
        return op.Cast(op.Round(op.Cast(value, to=_FLOAT)), to=_INT64)

    any_size = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own, about itself
        program = torch.onnx.export(
            network,
            (torch.zeros(1, 3, *_example_hw(network.config), dtype=torch.uint8),),
            input_names=["image"],
            output_names=["probabilities" if network.probabilities else "labels"],
            dynamic_shapes=(any_size,),
            # Sizes are rounded in Python, for which the exporter has no translation.
            custom_translation_table={round: rounded},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(path, external_data=False)


def _example_hw(config: SegmentConfig) -> tuple[int, int]:
    """A size whose views are no whole patches: what is done for the example is done for all images, and bringing an
    image to whole patches does no harm to those that consist of them."""
    for width in _EXAMPLE_WIDTHS:
        own = _EXAMPLE_HEIGHT, width
        views = [scaled_hw(own, config.image_size, scale) for scale in config.inference_scales]
        if all(any(side % patch for side in view) for view in views for patch in _PATCH_SIZES):
            return own
    raise AssertionError(f"no example for {config.image_size} px, {config.inference_scales}")


def write_torchscript(network: PixelsToLabels, path: Path) -> None:
    """Write a TorchScript file; the network must have a fixed `size_hw`, while images may have any."""
    assert network.size_hw is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that sizes within the network are fixed, and that torch means to replace it
        example = torch.zeros(1, 3, *network.size_hw, dtype=torch.uint8)
        torch.jit.save(torch.jit.trace(network, (example,), check_trace=False), path)  # type: ignore[no-untyped-call]
