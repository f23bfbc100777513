"""Masks of one image made to follow its edges, by a DenseCRF in which each mask is a label."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from maskdistill.data.arrays import UInt8Array
from maskdistill.stages.crf.dense_crf import refine_within
from maskdistill.stages.filter.crf_config import FilterCrfConfig


def follow_edges(masks: NDArray[np.bool_], image: UInt8Array, config: FilterCrfConfig) -> NDArray[np.bool_]:
    """The masks with their outlines at the edges of the image.

    Args:
        masks: bool (n, H, W), disjoint.
        image: (H, W, 3) RGB.
        config: The CRF, and how sure a pixel is of the mask that it lies in.

    Returns:
        bool (n, H, W), disjoint; a mask that vanishes is empty. Where all would, they are left as they were.
    """
    if not len(masks):
        return masks
    logits = _logits(masks, config.certainty)[None]
    with torch.inference_mode():
        found = refine_within(lambda size_hw: F.interpolate(logits, size=size_hw, mode="bilinear")[0], image, config)
        owner = found.max(dim=0).indices.numpy()  # the same as argmax, in a fifth of its time
    followed = np.stack([owner == label for label in range(1, len(masks) + 1)])
    return followed if followed.any() else masks


def _logits(masks: NDArray[np.bool_], certainty: float) -> torch.Tensor:
    """float32 (n + 1, H, W), no mask first; what certainty leaves is shared by the other labels."""
    inside = torch.from_numpy(np.concatenate([~masks.any(axis=0, keepdims=True), masks]))
    return torch.where(inside, certainty, (1 - certainty) / len(masks)).log()
