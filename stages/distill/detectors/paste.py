"""Masks of a detector, each over its box, at their place in the image."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.detection.roi_heads import expand_boxes, expand_masks

_AT_ONCE_BYTES = 2**28


def paste(masks: Tensor, boxes: Tensor, size_hw: tuple[int, int], threshold: float) -> Tensor:
    """The same as torchvision's `paste_masks_in_image` and the threshold, without an image of floats for each mask.

    Boxes are brought to the CPU once, and masks are drawn where they are and brought there together.

    Args:
        masks: Probabilities, float (n, 1, m, m).
        boxes: float (n, 4), x1 y1 x2 y2 px.
        size_hw: Height and width of the image, px.
        threshold: From which on a pixel belongs to the mask, above 0.

    Returns:
        bool (n, height, width), on the CPU.
    """
    found = torch.zeros((len(masks), *size_hw), dtype=torch.bool)
    padded, scale = expand_masks(masks, 1)
    places: list[list[int]] = expand_boxes(boxes, scale).to(torch.int64).tolist()
    step = max(1, _AT_ONCE_BYTES // (size_hw[0] * size_hw[1]))
    for start in range(0, len(masks), step):
        rows = slice(start, start + step)
        drawn = found[rows] if masks.device.type == "cpu" else torch.zeros_like(found[rows], device=masks.device)
        for canvas, mask, place in zip(drawn, padded[rows], places[rows], strict=True):
            _draw(canvas, mask, place, threshold)
        if masks.device.type != "cpu":
            found[rows] = drawn.cpu()
    return found


def _draw(canvas: Tensor, mask: Tensor, box: list[int], threshold: float) -> None:
    """Draw a mask (1, m, m) into bool (H, W)."""
    x1, y1, x2, y2 = box
    size = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
    top, left, bottom, right = max(y1, 0), max(x1, 0), min(y2 + 1, canvas.shape[0]), min(x2 + 1, canvas.shape[1])
    if top < bottom and left < right:
        enlarged = F.interpolate(mask[None], size=size, mode="bilinear", align_corners=False)[0, 0]
        canvas[top:bottom, left:right] = enlarged[top - y1 : bottom - y1, left - x1 : right - x1] >= threshold
