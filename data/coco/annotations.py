"""COCO annotation files: the one reader, for ground truth and for masks that another program proposed.

Nothing of a file is trusted: no path in it is opened, sizes and codes are checked. An entry that is not in order is
left out and counted, with its place in the file; so is what belongs to no image.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.coco.content import UNREADABLE, Content, read_content
from maskdistill.data.coco.entries import (
    CocoAnnotation,
    CocoCategory,
    CocoId,
    CocoImage,
    read_annotation,
    read_category,
    read_image,
)
from maskdistill.data.coco.segmentation import is_relative, read_mask
from maskdistill.data.errors import InputError
from maskdistill.data.tally import Tally

Entry = TypeVar("Entry", CocoImage, CocoCategory, CocoAnnotation)

NO_IMAGE = "of no image of the file"
NOT_IN_ORDER = "not in order"
NO_OUTLINE = "without an outline, a box at most"


class AnnotationFile:
    """What a COCO annotation file holds.

    Attributes:
        path: The file.
        images: Image by id.
        categories: Category by id; empty where the file has none.
        bad_entries: Images and categories that are left out.
        left_out: Annotations that are left out, as far as they have been read.
    """

    def __init__(self, path: Path, *, keep_annotations: bool, images: Path | None = None) -> None:
        """Read the file.

        Args:
            path: The file, or a folder of SAM's masks.
            keep_annotations: Whether the annotations are read now. Otherwise the file is read again when they are
                asked for: runs that need no ground truth, which is most, should not hold gigabytes of polygons.
            images: The file that the image ids of COCO results stand in.

        Raises:
            InputError: It is no annotation file.
        """
        self.path, self._images_file = path, images
        self.bad_entries, self.left_out = Tally(), Tally()
        content = read_content(path, images)
        self.images = self._by_id(content, "images", read_image)
        self.categories: dict[CocoId, CocoCategory] = {}
        if content.get("categories") is not None:
            self.categories = self._by_id(content, "categories", read_category)
        self._by_image = self._read_annotations(content) if keep_annotations else None

    def of_image(self, image_id: CocoId) -> Sequence[CocoAnnotation]:
        """Annotations of one image in the order of the file, maybe none. Raises InputError where there is no list."""
        return self._annotations().get(image_id, ())

    def count(self) -> int:
        """Number of annotations in the file, those that are left out included. Raises as `of_image` does."""
        return sum(map(len, self._annotations().values())) + self.left_out.total

    @property
    def relative(self) -> bool:
        """Whether outlines are fractions of width and height: all polygons of the file lie within 0 to 1."""
        return self._relative

    def _annotations(self) -> dict[CocoId, list[CocoAnnotation]]:
        if self._by_image is None:
            self._by_image = self._read_annotations(read_content(self.path, self._images_file))
        return self._by_image

    def _read_annotations(self, content: Content) -> dict[CocoId, list[CocoAnnotation]]:
        by_image: dict[CocoId, list[CocoAnnotation]] = {}
        for message in content.get(UNREADABLE, ()):
            self.left_out.add(UNREADABLE, str(message))
        for item in self._entries(content, "annotations", read_annotation, self.left_out):
            if item.image_id in self.images:
                by_image.setdefault(item.image_id, []).append(item)
            else:
                self.left_out.add(NO_IMAGE, f"image_id {item.image_id!r}")
        self._relative = is_relative(item.segmentation for items in by_image.values() for item in items)
        return by_image

    def _entries(
        self, content: Content, name: str, read: Callable[[object, str], Entry], tally: Tally
    ) -> Iterator[Entry]:
        items: Any = content.get(name)
        if not isinstance(items, list):
            found = "missing" if items is None else type(items).__name__
            raise InputError(f"{self.path}: field {name!r} is {found}, it must be list; correct the file")
        for i, item in enumerate(items):
            try:
                yield read(item, f"{name}[{i}]")
            except InputError as error:
                tally.add(NOT_IN_ORDER, str(error))

    def _by_id(
        self, content: Content, name: str, read: Callable[[object, str], "IndexedEntry"]
    ) -> "dict[CocoId, IndexedEntry]":
        found: dict[CocoId, IndexedEntry] = {}
        for entry in self._entries(content, name, read, self.bad_entries):
            if entry.id in found:
                self.bad_entries.add(NOT_IN_ORDER, f"{entry.where}: the id {entry.id!r} occurs twice in {name}")
            else:
                found[entry.id] = entry
        return found


IndexedEntry = TypeVar("IndexedEntry", CocoImage, CocoCategory)


def decode(
    file: AnnotationFile, item: CocoAnnotation, size_hw: tuple[int, int], tally: Tally
) -> NDArray[np.bool_] | None:
    """Mask of an annotation as bool (height, width); None, and counted, where it has none of this size.

    Args:
        file: What it stands in.
        item: The annotation.
        size_hw: Height and width of the image, px, in the frame of the annotations; trusted.
        tally: Gets the reason.
    """
    name = file.images[item.image_id].file_name
    if not item.segmentation:
        tally.add(NO_OUTLINE, name)
        return None
    try:
        return read_mask(item.segmentation, size_hw, relative=file.relative)
    except ValueError as error:
        tally.add(NOT_IN_ORDER, f"{item.where}.segmentation, image {name}: {error}")
        return None
