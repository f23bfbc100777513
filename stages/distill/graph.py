"""A detector as a network from pixels to what its candidates are made of, for other programs.

One image of H x W px, C classes = clusters + 1, background first; n candidates.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import paste_masks_in_image
from torchvision.models.detection.transform import resize_boxes

from maskdistill.data.errors import InputError
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.detector import Detector
from maskdistill.stages.distill.detectors.regions import RegionDetector
from maskdistill.stages.distill.detectors.torchvision import TorchvisionDetector
from maskdistill.stages.distill.geometry import resized_hw
from maskdistill.stages.networks.graph_files import PixelNetwork

_EXAMPLE_HW = (97, 131)


class PixelsToRegions(PixelNetwork):
    """Of a detector of regions, the probability of each class at each pixel: float32 (1, C, H, W).

    Its candidates are the connected regions where background is not the likeliest class.
    """

    outputs = ("probabilities",)

    def __init__(self, detector: RegionDetector, size_hw: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.detector, self.module, self.size_hw = detector, detector.module, size_hw
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Probabilities of one image, uint8 (1, 3, H, W) RGB."""
        own_hw = (images.shape[2], images.shape[3])
        tokens = self.detector.tokens(self.detector.resize(images, self.size_hw or own_hw))
        return self.detector.probabilities(tokens, own_hw)

    def example_hw(self) -> tuple[int, int]:
        """No whole patches, as few images are."""
        return _EXAMPLE_HW


class PixelsToCandidates(PixelNetwork):
    """Of torchvision's Mask R-CNN, its candidates, by descending score.

    Gives boxes float32 (n, 4) x1 y1 x2 y2 px, scores float32 (n,), clusters int64 (n,) and masks bool (n, H, W).

    Args:
        detector: In eval mode.
        size_hw: Size, px, of the images that it takes.
    """

    outputs = ("boxes", "scores", "clusters", "masks")
    rows: Tensor
    columns: Tensor
    size_hw: tuple[int, int]

    def __init__(self, detector: TorchvisionDetector, size_hw: tuple[int, int]) -> None:
        super().__init__()
        self.detector, self.module, self.config = detector, detector.module, detector.config
        self.size_hw = size_hw
        self.inner_hw = resized_hw(size_hw, self.config.image_size, self.config.max_size)
        for name, old, new in zip(("rows", "columns"), size_hw, self.inner_hw, strict=True):
            self.register_buffer(name, _resizing(old, new), persistent=False)
        self.eval()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Candidates of one image, uint8 (1, 3, H, W) RGB."""
        (height, width), (padded_height, padded_width) = self.inner_hw, self.detector.padded_hw(self.size_hw)
        resized = self.rows @ self.detector.normalise(images[0]) @ self.columns.T
        padded = F.pad(resized, (0, padded_width - width, 0, padded_height - height))
        found = self.detector.find(ImageList(padded[None], [self.inner_hw]))[0]
        boxes = resize_boxes(found["boxes"].float(), list(self.inner_hw), list(self.size_hw))
        masks = paste_masks_in_image(found["masks"].float(), boxes, self.size_hw)[:, 0]
        return boxes, found["scores"].float(), found["labels"] - 1, masks >= self.config.mask_threshold


def graph_of(detector: Detector, config: DistillConfig, size_hw: tuple[int, int] | None) -> PixelNetwork:
    """The network of a trained detector.

    Args:
        detector: In eval mode, on the CPU.
        config: Its settings.
        size_hw: Size, px, of the images that it takes; None = any, where it can.

    Raises:
        InputError: Its library has none, or its size has to be fixed.
    """
    if isinstance(detector, RegionDetector):
        return PixelsToRegions(detector, size_hw)
    if not isinstance(detector, TorchvisionDetector):
        raise InputError(
            f"export model: a detector of distill.backend {config.backend} is exported by that library's own tools; "
            "train one with distill.backend=torchvision or regions, or use `maskdistill predict --stage distill`"
        )
    if size_hw is None:
        raise InputError("--size: a Mask R-CNN is written for images of one size; give it, such as --size 480x640")
    return PixelsToCandidates(detector, size_hw)


def _resizing(old: int, new: int) -> Tensor:
    """What resizes a side, float32 (new, old): the same bilinear filter, which ONNX's exporter does not know."""
    return F.interpolate(torch.eye(old)[None, None], size=(new, old), mode="bilinear", antialias=True)[0, 0]
