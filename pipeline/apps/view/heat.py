"""The affinity that a mined mask was cut from, computed again with the ViT for one image at a time.

The mine stage keeps the masks only: an affinity per image would be larger than all of its masks.
"""

import threading

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.drawing.cells import SizeHW
from maskdistill.pipeline.plan import Plan
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.mine.methods.affinity import AffinityMiner
from maskdistill.stages.mine.methods.affinity_config import AffinityConfig


class AffinityHeat:
    """The ViT of the mine stage, loaded once."""

    def __init__(self, plan: Plan) -> None:
        """Load the ViT. Raises InputError where masks are not cut from an affinity, or from one of several images."""
        config = plan.config.mine
        if not isinstance(config.own, AffinityConfig):
            raise InputError(f"mine.method: {config.method}: its masks are not cut from an affinity")
        if config.own.center_keys == "dataset":
            raise InputError(
                "mine.affinity.center_keys: dataset: the mean key is not kept, so no affinity can be shown"
            )
        artifacts = {name: plan.path(name) for name in plan.stages["mine"].inputs}
        inputs = StageInputs(plan.source, artifacts, plan.config.seed, plan.config.execution)
        self._miner = AffinityMiner(config, inputs)
        self._lock = threading.Lock()

    def compute(self, pixels: UInt8Array, size_hw: SizeHW) -> NDArray[np.float32]:
        """Affinity of each pixel's patch to the sources of the mask (section 3.1 of the paper).

        Args:
            pixels: uint8 (H, W, 3).
            size_hw: Size of the result, px.

        Returns:
            float32 (height, width), 1 = the highest of the image, 0 = outside the mask.
        """
        with self._lock:
            grid, (rows, columns) = self._miner.affinity(pixels)
        grid = grid.clip(min=0)
        # The grid may reach beyond the image: its last patches are padded.
        box = (0.0, 0.0, columns, rows)
        picture = Image.fromarray(grid).resize(size_hw[::-1], Image.Resampling.BILINEAR, box=box)
        return np.asarray(picture, dtype=np.float32) / max(float(grid.max()), 1e-12)
