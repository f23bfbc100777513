"""The ground truth as it is scored: what is not to count is ignored."""

from dataclasses import replace

import numpy as np

from maskdistill.data.arrays import IGNORE, FloatArray, UInt8Array
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.instances import Instances
from maskdistill.stages.evaluate.config import EvaluateConfig


class Truth:
    """Ground truth by image index.

    Attributes:
        class_names: Names of the classes, background first; empty without ground truth.
        matching: How clusters are matched with them.
    """

    def __init__(self, config: EvaluateConfig, source: ImageSource) -> None:
        """Raises InputError where a class that is to be scored is none of the data's."""
        self._source, self.matching = source, config.matching
        self.class_names = tuple(source.class_names or ())
        self._left_out: list[int] = []
        if config.classes is not None and self.class_names:
            names = self.class_names
            unknown = sorted(set(config.classes) - set(names))
            if unknown:
                known = ", ".join(names)
                raise InputError(f"evaluate.classes: {', '.join(unknown)} not among the classes of the data: {known}")
            self._left_out = [c for c in range(1, len(names)) if names[c] not in config.classes]
        self._values = np.arange(256, dtype=np.uint8)
        self._values[self._left_out] = IGNORE

    def labels(self, index: int) -> UInt8Array | None:
        """Class of each pixel, uint8 (height, width), 255 where it counts nowhere; None without ground truth."""
        labels = self._source.read_labels(index) if self.class_names else None
        return None if labels is None else self._values[labels]

    def objects(self, index: int) -> Instances | None:
        """The objects; those of classes that are not scored count as crowds, where masks are not judged."""
        objects = self._source.read_instances(index)
        if objects is None or not self._left_out:
            return objects
        return replace(objects, is_crowd=objects.is_crowd | np.isin(objects.class_ids, self._left_out))

    def boxes(self, index: int) -> FloatArray | None:
        """Boxes of the objects of all classes, float32 (n, 4) x1 y1 x2 y2 px; None without ground truth."""
        return self._source.read_boxes(index)
