"""COCO and data sets in its format: images as the annotation files list them, label maps painted from instances."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from maskdistill.data.arrays import IGNORE, FloatArray, UInt8Array
from maskdistill.data.coco.annotations import AnnotationFile, decode
from maskdistill.data.coco.entries import CocoAnnotation, CocoId
from maskdistill.data.config import CocoConfig
from maskdistill.data.errors import InputError, UnreadableImage, about
from maskdistill.data.sources.coco_images import find_files, read_subset
from maskdistill.data.sources.files import FileSource, require_folder
from maskdistill.data.sources.frames import Frame, Header, SizeHw, frame_of, upright, upright_boxes
from maskdistill.data.sources.instances import Instances
from maskdistill.data.stores.rle import encode

_NO_CLASS = "annotations of no category of the file"
_OTHER_SIZE = "images whose annotations are for another size"


class CocoSource(FileSource):
    """The images of one or two COCO annotation files.

    Classes are numbered 1, 2, ... in order of their category ids, which may have gaps. Files without categories have no
    ground truth.
    """

    truth_from = "data.annotations_train"
    truth_remedy = (
        "set iscrowd to 0 where a region is an object, or leave out the categories: the run then goes on without scores"
    )

    def __init__(self, config: CocoConfig) -> None:
        """Read the lists of images and categories; annotations themselves are read when ground truth is asked for.

        Raises:
            InputError: A file is missing or is no annotation file, or too many images are missing.
        """
        require_folder(config.root, "data.root")
        self._train = _open(config.root / config.annotations_train, "data.annotations_train")
        self._val = None
        if config.annotations_val is not None:
            self._val = _open(config.root / config.annotations_val, "data.annotations_val")
        names = _same_categories(self._train, self._val)
        self._class_of = {category: i + 1 for i, category in enumerate(sorted(names, key=_numbers_first))}
        kept = None if config.subset_train is None else read_subset(config.root, config.subset_train, self._train)
        train = find_files(config.root, config.images_train, self._train, kept)
        if not train.files:
            why = "; ".join(train.notes) or str(self._train.path)
            raise InputError(
                f"{why}: there are no training images; correct the file, or name another, data.annotations_train"
            )
        files, self._coco_ids, notes = dict(train.files), dict(train.coco_ids), list(train.notes)
        val: dict[str, Path] = {}
        if self._val is not None:
            found = find_files(config.root, config.images_val, self._val, None)
            val = found.files
            self._coco_ids |= found.coco_ids
            notes += found.notes
        super().__init__(config, files, val, config.root)
        self._told: set[AnnotationFile] = set()
        self.notes = (*self.notes, *notes)
        if names:
            self.class_names = ("background", *(names[category] for category in self._class_of))

    def label_files(self) -> dict[str, Path]:
        """The annotation files, by split."""
        if self.class_names is None:
            return {}
        files = {"train": self._train.path}
        return files if self._val is None else {**files, "val": self._val.path}

    def read_labels(self, index: int) -> UInt8Array | None:
        """Class of each pixel as uint8 (H, W): smaller objects on top of larger ones, crowds 255 where no object is.

        An image without annotation is all background. None without categories, and where the annotations are for an
        image of another size.
        """
        header, frame = self._frame(index)
        if self.class_names is None or frame is None:
            return None
        labels = np.zeros(header.displayed_hw, dtype=np.uint8)
        found = self._objects(index)
        # Crowds first: an object that was outlined inside a crowd is known, the rest of the crowd is not.
        for item, mask in sorted(found, key=lambda one: (not one[0].iscrowd, -int(one[1].sum()))):
            labels[mask] = IGNORE if item.iscrowd else self._class_id(item)
        return labels

    def read_boxes(self, index: int) -> FloatArray | None:
        """Boxes of all objects but crowds, float32 (n, 4) x1 y1 x2 y2 px; None as in `read_labels`.

        An object whose box the file leaves out has that of its outline.
        """
        header, frame = self._frame(index)
        if self.class_names is None or frame is None:
            return None
        boxes: list[FloatArray] = []
        for item in self._items(index):
            if item.iscrowd:
                continue
            if item.bbox is not None:
                x, y, width, height = item.bbox
                box = np.asarray([[x, y, x + width, y + height]], dtype=np.float32)
                boxes.append(box if frame == "displayed" else upright_boxes(box, header))
            elif (mask := self._mask(index, item)) is not None:
                x, y, width, height = coco_mask.toBbox(encode(mask)).tolist()
                boxes.append(np.asarray([[x, y, x + width, y + height]], dtype=np.float32))
        return np.concatenate(boxes) if boxes else np.zeros((0, 4), dtype=np.float32)

    def read_instances(self, index: int) -> Instances | None:
        """All objects and crowds, without those whose outline holds no pixel; None as in `read_labels`."""
        if self.class_names is None or self._frame(index)[1] is None:
            return None
        shown = [(item, mask) for item, mask in self._objects(index) if mask.any()]
        class_ids = [self._class_id(item) for item, _ in shown]
        return Instances.of([encode(mask) for _, mask in shown], class_ids, [bool(item.iscrowd) for item, _ in shown])

    def _annotations_of(self, index: int) -> tuple[AnnotationFile, list[CocoId]]:
        """The file that an image stands in, and its ids there."""
        coco_ids = self._coco_ids[self.ids[index]]
        return (self._train if index < self.n_train or self._val is None else self._val), coco_ids

    def _items(self, index: int) -> list[CocoAnnotation]:
        """The annotations of an image that have one of the classes."""
        file, coco_ids = self._annotations_of(index)
        items = [item for coco_id in coco_ids for item in file.of_image(coco_id)]
        if file not in self._told:
            self._told.add(file)
            self.truth_remarks.merge(file.left_out)
        known = [item for item in items if item.category_id in self._class_of]
        if len(known) < len(items):
            self._note_truth(_NO_CLASS, index, len(items) - len(known))
        return known

    def _objects(self, index: int) -> list[tuple[CocoAnnotation, NDArray[np.bool_]]]:
        """The annotations of an image, crowds too, each with its mask."""
        masks = [(item, self._mask(index, item)) for item in self._items(index)]
        return [(item, mask) for item, mask in masks if mask is not None]

    def _mask(self, index: int, item: CocoAnnotation) -> NDArray[np.bool_] | None:
        """Mask of an annotation, bool (H, W) as displayed; None where it has none."""
        file, _ = self._annotations_of(index)
        header, frame = self._frame(index)
        mask = None if frame is None else decode(file, item, header.size_of(frame), self.truth_remarks)
        return mask if mask is None or frame == "displayed" else upright(mask, header.orientation)

    def _frame(self, index: int) -> tuple[Header, Frame | None]:
        """What an image's file says, and the frame of its annotations; none where they are for another size."""
        declared = self._declared_hw(index)
        try:
            header = self.header(index)
        except UnreadableImage:
            if declared is None:
                raise
            header = Header(declared)
        otherwise = self._frame_otherwise(index, header, declared)
        frame = frame_of(header, declared, self._config.annotation_frame, otherwise)
        if frame is None:
            self._note_truth(_OTHER_SIZE, index)
        return header, frame

    def _declared_hw(self, index: int) -> SizeHw | None:
        file, coco_ids = self._annotations_of(index)
        return file.images[coco_ids[0]].size_hw

    def _annotated_sizes(self) -> Iterator[tuple[Header, SizeHw | None]]:
        for index, header in self._headers(range(len(self))):
            yield header, self._declared_hw(index)

    def _class_id(self, item: CocoAnnotation) -> int:
        assert item.category_id is not None
        return self._class_of[item.category_id]


def _open(path: Path, field: str) -> AnnotationFile:
    if not path.is_file():
        raise InputError(
            f"{field}: {path} is not there; COCO's authors put it into annotations/, as instances_train2014.json and "
            f"the like; another file in COCO's format is named with -s {field}=FILE"
        )
    with about(field):
        return AnnotationFile(path, keep_annotations=False)


def _same_categories(train: AnnotationFile, val: AnnotationFile | None) -> dict[CocoId, str]:
    """Name by category id, which both files must agree on."""
    names = _category_names(train)
    if val is not None and _category_names(val) != names:
        raise InputError(f"{val.path}: its categories are not those of {train.path}; both splits need the same classes")
    if len(names) >= IGNORE:
        raise InputError(f"{train.path}: {len(names)} categories, but label maps hold at most {IGNORE - 1}")
    return names


def _category_names(file: AnnotationFile) -> dict[CocoId, str]:
    return {category.id: category.name or str(category.id) for category in file.categories.values()}


def _numbers_first(category_id: CocoId) -> tuple[bool, CocoId]:
    return isinstance(category_id, str), category_id
