"""The affinity that a mined mask was cut from, computed again with the ViT for one image at a time.

The mine stage keeps the masks only: an affinity per image would be larger than all of its masks.
"""

import threading

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.view.layers import SizeHW
from maskdistill.pipeline.plan import Plan
from maskdistill.stages.mine.methods.affinity import affinity_to_sources, class_attention, keep_mass, propose
from maskdistill.stages.networks.resize import resize, short_side_size
from maskdistill.stages.networks.vit import find_weights, load_vit
from maskdistill.stages.networks.vit_inputs import Prepared, grid_of, to_tensor
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.precision import autocast


class AffinityHeat:
    """The ViT of the mine stage, loaded once."""

    def __init__(self, plan: Plan) -> None:
        """Load the ViT. Raises InputError where it is not to be had, or the affinity needs more than one image."""
        config = self._config = plan.config.mine
        if config.center_keys == "dataset":
            raise InputError("mine.center_keys: dataset: the mean key is not kept, so no affinity can be shown")
        artifacts = {name: plan.path(name) for name in plan.stages["mine"].inputs}
        self._device = resolve_device(plan.config.execution)
        weights = find_weights(config.weights, artifacts)
        vit = load_vit(config.model, weights, plan.config.seed, section="mine", normalise=config.normalise)
        self._backbone = vit.to(self._device)
        self._block = self._backbone.resolve_block(config.block)
        self._lock = threading.Lock()

    def compute(self, pixels: UInt8Array, size_hw: SizeHW) -> NDArray[np.float32]:
        """Affinity of each pixel's patch to the sources of the mask (section 3.1 of the paper).

        Args:
            pixels: uint8 (H, W, 3).
            size_hw: Size of the result, px.

        Returns:
            float32 (height, width), 1 = the highest of the image, 0 = outside the mask.
        """
        side = self._backbone.patch_size
        small = resize(pixels, short_side_size(_size(pixels), self._config.short_side, side, self._config.max_patches))
        rows, columns = grid_of(small.shape[:2], side)
        grid = self._affinity(small).reshape(rows, columns).clip(min=0)
        # The grid may reach beyond the image: its last patches are padded.
        box = (0.0, 0.0, small.shape[1] / side, small.shape[0] / side)
        picture = Image.fromarray(grid).resize(size_hw[::-1], Image.Resampling.BILINEAR, box=box)
        return np.asarray(picture, dtype=np.float32) / max(float(grid.max()), 1e-12)

    def _affinity(self, pixels: UInt8Array) -> NDArray[np.float32]:
        """Affinity of each patch, float32 (N,)."""
        config = self._config
        with self._lock, torch.inference_mode(), autocast(self._device, config.precision):
            images = to_tensor([Prepared(0, pixels)], self._backbone, self._device)
            queries, keys = (found[0].float() for found in self._backbone.queries_keys(images, self._block))
        patch_keys = keys[:, 1:]
        attention = class_attention(queries[:, 0], patch_keys, config.n_heads).cpu()
        proposals = propose(keep_mass(attention, config.attention_mass), config.topk_fraction)
        if config.center_keys == "image":
            patch_keys = patch_keys - patch_keys.mean(dim=1)[:, None]
        found = affinity_to_sources(patch_keys, proposals.to(patch_keys.device))
        return found.cpu().numpy().astype(np.float32)


def _size(pixels: UInt8Array) -> SizeHW:
    return pixels.shape[0], pixels.shape[1]
