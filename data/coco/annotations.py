"""COCO annotation files: the one reader, for ground truth and for masks that another program proposed.

Nothing of a file is trusted: no path in it is opened, sizes and codes are checked, and errors name the entry.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.coco.entries import (
    CocoAnnotation,
    CocoCategory,
    CocoId,
    CocoImage,
    missing,
    read_annotation,
    read_category,
    read_image,
)
from maskdistill.data.coco.segmentation import read_mask
from maskdistill.data.errors import InputError

Entry = TypeVar("Entry", CocoImage, CocoCategory, CocoAnnotation)


class AnnotationFile:
    """What a COCO annotation file holds.

    Attributes:
        path: The file.
        images: Image by id.
        categories: Category by id; empty where the file has none.
    """

    def __init__(self, path: Path, *, keep_annotations: bool) -> None:
        """Read the file.

        Args:
            path: The file.
            keep_annotations: Whether the annotations are read now. Otherwise the file is read again when they are
                asked for: runs that need no ground truth, which is most, should not hold gigabytes of polygons.

        Raises:
            InputError: It is no annotation file, an entry is not in order, or an id occurs twice.
        """
        self.path = path
        content = _read_object(path)
        self.images = _by_id(_entries(content, "images", read_image, path), "images")
        self.categories: dict[CocoId, CocoCategory] = {}
        if content.get("categories") is not None:
            self.categories = _by_id(_entries(content, "categories", read_category, path), "categories")
        self._by_image = self._read_annotations(content) if keep_annotations else None

    def of_image(self, image_id: CocoId) -> Sequence[CocoAnnotation]:
        """Annotations of one image in the order of the file, maybe none.

        Raises:
            InputError: An annotation of the file, of whichever image, is not in order or belongs to no image.
        """
        if self._by_image is None:
            self._by_image = self._read_annotations(_read_object(self.path))
        return self._by_image.get(image_id, ())

    def _read_annotations(self, content: dict[str, Any]) -> dict[CocoId, list[CocoAnnotation]]:
        by_image: dict[CocoId, list[CocoAnnotation]] = {}
        for item in _entries(content, "annotations", read_annotation, self.path):
            if item.image_id not in self.images:
                raise InputError(
                    f"{item.where}.image_id: {item.image_id!r} is not among the file's images; add the image, or "
                    "remove its annotations"
                )
            by_image.setdefault(item.image_id, []).append(item)
        return by_image


def decode(item: CocoAnnotation, image: CocoImage, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Mask of an annotation as bool (height, width).

    Args:
        item: The annotation.
        image: Its image, for messages.
        size_hw: Height and width of the image, px; trusted.

    Raises:
        InputError: It has no segmentation, or one that is no mask of this size.
    """
    if item.segmentation is None:
        raise missing("segmentation", item.where)
    try:
        return read_mask(item.segmentation, size_hw)
    except ValueError as error:
        raise InputError(f"{item.where}.segmentation, image {image.file_name}: {error}") from error


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: the file cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(content, dict):
        found = type(content).__name__
        raise InputError(f"{path}: a COCO annotation file is an object with images and annotations, not a {found}")
    return content


def _entries(content: dict[str, Any], name: str, read: Callable[[object, str], Entry], path: Path) -> Iterator[Entry]:
    items = content.get(name)
    if not isinstance(items, list):
        found = "missing" if items is None else type(items).__name__
        raise InputError(f"{path}: field {name!r} is {found}, it must be list")
    return (read(item, f"{path}: {name}[{i}]") for i, item in enumerate(items))


IndexedEntry = TypeVar("IndexedEntry", CocoImage, CocoCategory)


def _by_id(entries: Iterator[IndexedEntry], name: str) -> dict[CocoId, IndexedEntry]:
    found: dict[CocoId, IndexedEntry] = {}
    for entry in entries:
        if entry.id in found:
            raise InputError(f"{entry.where}: the id {entry.id!r} occurs twice in {name}")
        found[entry.id] = entry
    return found
