"""Masks out of a COCO annotation file that some other program wrote: this project's own export, CutLER, SAM, ...

Nothing of the file is trusted: no path in it is opened, every size and code is checked, and errors name the entry.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.coco.export import CLUSTER
from maskdistill.data.coco.json_fields import json_field, json_items, read_json_object
from maskdistill.data.coco.segmentation import read_segmentation
from maskdistill.data.errors import InputError
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.data.stores.rle import Rle

MAX_PIXELS = 100_000_000
"""Largest height x width that is believed where no image tells the true size."""
_LARGEST_SCORE = float(str(np.finfo(np.float32).max))
"""As the largest float32 is written, which is more than it is."""
_KIND = "a COCO annotation file is an object with images and annotations"


@dataclass(frozen=True)
class ForeignImage:
    """One entry of `images`: its file name, only ever compared, and its size in px, None where the file has none."""

    name: str
    size_hw: tuple[int, int] | None
    where: str


@dataclass(frozen=True, eq=False)
class ForeignMasks:
    """The n masks of one image.

    Attributes:
        rles: Compressed COCO codes.
        scores: float32 (n,), 1 where the file has none.
        clusters: int32 (n,): category c + 1 of this project's own exports is cluster c; -1 for any other category.
    """

    rles: list[Rle]
    scores: NDArray[np.float32]
    clusters: NDArray[np.int32]


class CocoMasks:
    """An annotation file in memory, its masks not yet decoded.

    Attributes:
        path: The file.
        images: Image by COCO's image id.
    """

    def __init__(self, path: Path) -> None:
        """Read the file. Raises InputError where it is no COCO file, or an annotation belongs to no image."""
        self.path = path
        content = read_json_object(path, _KIND)
        self.images: dict[int | str, ForeignImage] = {}
        for where, item in json_items(content, "images", path):
            image_id = json_field(item, "id", (int, str), where)
            if image_id in self.images:
                raise InputError(f"{where}: the id {image_id!r} occurs twice in images")
            self.images[image_id] = ForeignImage(_name(item, where), _size_hw(item, where), where)
        self._clusters = _read_clusters(content, path)
        self._annotations: dict[int | str, list[tuple[str, dict[str, Any]]]] = {}
        for where, item in json_items(content, "annotations", path):
            image_id = json_field(item, "image_id", (int, str), where)
            if image_id not in self.images:
                raise InputError(f"{where}.image_id: {image_id!r} is not among the file's images")
            self._annotations.setdefault(image_id, []).append((where, item))

    def masks_of(self, image_id: int | str, size_hw: tuple[int, int]) -> ForeignMasks:
        """The masks of an image of that true size, in the order of the file; empty ones too, crowd regions not.

        Raises:
            InputError: The file gives the image or a mask another size, or a segmentation or score is not in order.
        """
        image = self.images[image_id]
        if image.size_hw not in (None, size_hw):
            theirs, ours = (f"{size[1]} x {size[0]} px" for size in (image.size_hw or size_hw, size_hw))
            raise InputError(f"{image.where}: the file says that {image.name} has {theirs}, but the image has {ours}")
        annotations = self._annotations.get(image_id, [])
        objects = [(where, item) for where, item in annotations if not _is_crowd(item)]
        return ForeignMasks(
            rles=[_rle(item, where, image.name, size_hw) for where, item in objects],
            scores=np.asarray([_score(item, where) for where, item in objects], dtype=np.float32),
            clusters=np.asarray([self._cluster_of(item) for _, item in objects], dtype=np.int32),
        )

    def _cluster_of(self, item: dict[str, Any]) -> int:
        category_id = item.get("category_id")
        return self._clusters.get(category_id, -1) if isinstance(category_id, int) else -1

    def count_crowds(self, image_id: int | str) -> int:
        """Number of crowd regions of an image."""
        return sum(_is_crowd(item) for _, item in self._annotations.get(image_id, []))

    def has_masks(self, image_id: int | str) -> bool:
        """Whether an annotation belongs to the image."""
        return image_id in self._annotations


def read_coco(path: Path) -> tuple[MaskStore, dict[str, tuple[int, int]]]:
    """All masks of a COCO annotation file, and the sizes of its images.

    Returns:
        The masks, their image ids the file names; and height and width, px, of each image that the file tells.
        Crowd regions and masks without a pixel are left out.

    Raises:
        InputError: The file is not in order, or an image with masks has no size.
    """
    file = CocoMasks(path)
    builder = MaskStoreBuilder()
    sizes: dict[str, tuple[int, int]] = {}
    names: set[str] = set()
    for image_id, image in file.images.items():
        if image.name in names:
            raise InputError(f"{image.where}: the file name {image.name!r} occurs twice in images")
        names.add(image.name)
        if image.size_hw is not None:
            sizes[image.name] = image.size_hw
        elif file.has_masks(image_id):
            raise InputError(f"{image.where}: an image with masks needs height and width")
        masks = file.masks_of(image_id, image.size_hw or (0, 0))
        builder.add_rles(image.name, masks.rles, masks.scores, masks.clusters)
    return builder.build(), sizes


def _read_clusters(content: dict[str, Any], path: Path) -> dict[int, int]:
    """Cluster by category id, for the categories that this project wrote: classes of others are labels."""
    if "categories" not in content:
        return {}
    clusters = {}
    for where, item in json_items(content, "categories", path):
        category_id = json_field(item, "id", int, where)
        if item.get("supercategory") == CLUSTER and 1 <= category_id <= np.iinfo(np.int32).max:
            clusters[category_id] = category_id - 1
    return clusters


def _is_crowd(item: dict[str, Any]) -> bool:
    return bool(item.get("iscrowd", 0) == 1)


def _name(item: dict[str, Any], where: str) -> str:
    name: str = json_field(item, "file_name", str, where)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{where}: field 'file_name' is not valid Unicode") from error
    return name


def _size_hw(item: dict[str, Any], where: str) -> tuple[int, int] | None:
    if "height" not in item and "width" not in item:
        return None
    height, width = (json_field(item, name, int, where) for name in ("height", "width"))
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise InputError(f"{where}: {width} x {height} px is no size of an image (the limit is {MAX_PIXELS} px in all)")
    return height, width


def _rle(item: dict[str, Any], where: str, name: str, size_hw: tuple[int, int]) -> Rle:
    try:
        return read_segmentation(json_field(item, "segmentation", (list, dict), where), size_hw)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{where}.segmentation, image {name}: {error}") from error


def _score(item: dict[str, Any], where: str) -> float:
    if "score" not in item:
        return 1.0
    score: float = json_field(item, "score", (int, float), where)
    if not abs(score) <= _LARGEST_SCORE:  # NaN is not either
        raise InputError(f"{where}: field 'score' is {score}, it must be a finite number")
    return score
