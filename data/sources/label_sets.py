"""Sets of classes that unsupervised segmentation is measured on, made of the finer classes of the data's own PNGs.

The same as those that STEGO was scored with (arXiv 2203.08414). There is no background: class 0 is one like the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from maskdistill.data.arrays import IGNORE, UInt8Array
from maskdistill.data.errors import InputError

LabelSetName = Literal["coco_stuff_27", "cityscapes_27", "potsdam_3"]


@dataclass(frozen=True)
class LabelSet:
    """Classes made of the values of label PNGs.

    Attributes:
        names: Of the classes.
        classes: The class of each value, 255 = counts nowhere; another value than these is an error.
        endings: How an image's name ends, and what its label PNG has there instead, before the suffix.
    """

    names: tuple[str, ...]
    classes: Mapping[int, int]
    endings: tuple[str, str] = field(default=("", ""))

    def decode(self, values: UInt8Array, path: Path) -> UInt8Array:
        """The class of each pixel. Raises InputError, which names the file, for a value that the set does not have."""
        table = np.full(256, -1, dtype=np.int64)
        table[list(self.classes)] = list(self.classes.values())
        found = table[values]
        if (found < 0).any():
            raise InputError(
                f"{path}: value {int(values[found < 0][0])} is none of the {len(self.classes)} of data.label_set; "
                "give the label PNGs as the data set's authors made them"
            )
        return found.astype(np.uint8)

    def label_stem(self, stem: str) -> str:
        """The name of the label PNG of an image, both without suffix."""
        ours, theirs = self.endings
        return stem.removesuffix(ours) + theirs if stem.endswith(ours) else stem


_COCO_STUFF = """
9 11 11 11 11 11 11 11 11 8 8 8 8 8 8 7 7 7 7 7 7 7 7 7 7 6 6 6 6 6 6 6 6 10 10 10 10 10 10 10 10 10 10 5 5 5
5 5 5 5 5 2 2 2 2 2 2 2 2 2 2 3 3 3 3 3 3 3 3 3 3 0 0 0 0 0 0 1 1 1 1 1 1 4 4 4 4 4 4 4 4 17 17 22 20 20 22 15
25 16 13 12 12 17 17 23 15 15 17 15 21 15 25 13 13 13 13 13 22 26 14 14 15 22 21 21 24 20 22 15 17 16 15 22 24
21 17 25 16 21 17 22 16 21 21 25 21 26 21 24 20 17 14 21 26 15 23 20 21 24 15 24 22 25 15 20 17 17 22 14 18 18
18 18 18 18 18 26 26 19 19 24
"""
"""The class of each of the 182 values of COCO-Stuff, from 0."""
_COCO_STUFF_NAMES = (
    *("electronic", "appliance", "food", "furniture", "indoor", "kitchen", "accessory", "animal", "outdoor"),
    *("person", "sports", "vehicle", "ceiling", "floor", "food (stuff)", "furniture (stuff)", "rawmaterial", "textile"),
    *("wall", "window", "building", "ground", "plant", "sky", "solid", "structural", "water"),
)
_CITYSCAPES_NAMES = (
    *("road", "sidewalk", "parking", "rail track", "building", "wall", "fence", "guard rail", "bridge"),
    *("tunnel", "pole", "polegroup", "traffic light", "traffic sign", "vegetation", "terrain", "sky", "person"),
    *("rider", "car", "truck", "bus", "caravan", "trailer", "train", "motorcycle", "bicycle"),
)
_CITYSCAPES_FIRST = 7
"""Values below it, and 255 for those of licence plates, count nowhere."""
_POTSDAM = {0: 0, 4: 0, 1: 1, 5: 1, 2: 2, 3: 2, IGNORE: IGNORE}

LABEL_SETS: Mapping[LabelSetName, LabelSet] = {
    "coco_stuff_27": LabelSet(
        _COCO_STUFF_NAMES, {IGNORE: IGNORE, **{value: int(name) for value, name in enumerate(_COCO_STUFF.split())}}
    ),
    "cityscapes_27": LabelSet(
        _CITYSCAPES_NAMES,
        {
            IGNORE: IGNORE,
            **dict.fromkeys(range(_CITYSCAPES_FIRST), IGNORE),
            **{_CITYSCAPES_FIRST + number: number for number in range(len(_CITYSCAPES_NAMES))},
        },
        ("_leftImg8bit", "_gtFine_labelIds"),
    ),
    "potsdam_3": LabelSet(("roads and cars", "buildings and clutter", "trees and vegetation"), _POTSDAM),
}
"""By the value of `data.label_set`."""
