"""Generated scenes with exact ground truth: textured objects on textured ground, no two alike.

No colour threshold finds the objects (most share a colour with the ground), and a class is told by its outline and
texture only. Every scene is a function of (seed, stream, index): nothing is stored.
"""

import hashlib
import json
from typing import TYPE_CHECKING

from maskdistill.data.arrays import FloatArray, UInt8Array
from maskdistill.data.config import ScenesConfig
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.instances import Instances
from maskdistill.data.sources.recent import Recent
from maskdistill.data.sources.scenes.shapes import CLASS_NAMES

if TYPE_CHECKING:  # drawing imports scipy, and most commands draw nothing
    from maskdistill.data.sources.scenes.scene import Scene

GENERATOR_VERSION = 1
"""Raised by every change of what is drawn."""


class SceneSource(ImageSource):
    """Generated scenes as an image source; ids are `train/000000`, `val/000000` and so on."""

    def __init__(self, config: ScenesConfig) -> None:
        self._config = config
        self.n_train = config.n_train
        train = [f"train/{i:06d}" for i in range(config.n_train)]
        self.ids = (*train, *(f"val/{i:06d}" for i in range(config.n_val)))
        self.class_names = CLASS_NAMES
        self._recent: Recent[int, Scene] = Recent(_bytes_of)

    def scene(self, index: int) -> "Scene":
        """The whole scene of an image."""
        return self._recent.get(index, self._draw)

    def _draw(self, index: int) -> "Scene":
        if not 0 <= index < len(self):
            raise IndexError(f"scene {index} of {len(self)}")
        from maskdistill.data.sources.scenes.scene import TRAIN_STREAM, VAL_STREAM, generate

        is_train = index < self.n_train
        config = self._config
        return generate(
            config.seed,
            index if is_train else index - self.n_train,
            config.size,
            stream=TRAIN_STREAM if is_train else VAL_STREAM,
            objects=config.objects,
            scale=config.scale,
            gap=config.gap,
        )

    def read(self, index: int) -> UInt8Array:
        """Pixels as uint8 (S, S, 3) RGB."""
        return self.scene(index).image.copy()

    def read_labels(self, index: int) -> UInt8Array:
        """Class of each pixel as uint8 (S, S), 0 = background; no pixel is ignored."""
        return self.scene(index).labels()

    def read_boxes(self, index: int) -> FloatArray:
        """Boxes of the visible part of each object, float32 (n, 4) x1 y1 x2 y2 px."""
        return self.scene(index).boxes_xyxy()

    def read_instances(self, index: int) -> Instances:
        """The objects where they are visible."""
        scene = self.scene(index)
        return Instances.of_map(scene.instances, scene.class_ids)

    def fingerprint(self) -> str:
        """Hash of the generator's version and parameters."""
        drawn = self._config.model_dump(include={"seed", "n_train", "n_val", "size", "objects", "scale", "gap"})
        text = json.dumps({"generator": GENERATOR_VERSION, **drawn}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def labels_fingerprint(self) -> str:
        """Hash of the ground truth, which the same parameters decide."""
        return hashlib.sha256(f"labels {self.fingerprint()}".encode()).hexdigest()


def _bytes_of(scene: "Scene") -> int:
    return scene.n_bytes()
