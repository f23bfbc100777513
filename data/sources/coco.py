"""COCO and data sets in its format: images as the annotation files list them, label maps painted from instances."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from maskdistill.data.arrays import IGNORE, FloatArray, UInt8Array
from maskdistill.data.coco.annotations import AnnotationFile, decode
from maskdistill.data.coco.entries import BoxXywh, CocoAnnotation, CocoId, missing
from maskdistill.data.config import CocoConfig
from maskdistill.data.errors import InputError
from maskdistill.data.paths import check_relative, inside
from maskdistill.data.sources.files import FileSource, read_lines, require_folder
from maskdistill.data.sources.instances import Instances
from maskdistill.data.stores.rle import encode


class CocoSource(FileSource):
    """The images of one or two COCO annotation files.

    Classes are numbered 1, 2, ... in order of their category ids, which may have gaps. Files without categories have no
    ground truth.
    """

    def __init__(self, config: CocoConfig) -> None:
        """Read the lists of images and categories; annotations themselves are read when ground truth is asked for.

        Raises:
            InputError: A file or an image is missing, or an annotation file is not in order.
        """
        require_folder(config.root, "data.root")
        self._train = _open(config.root / config.annotations_train, "data.annotations_train")
        self._val = None
        if config.annotations_val is not None:
            self._val = _open(config.root / config.annotations_val, "data.annotations_val")
        names = _same_categories(self._train, self._val)
        self._class_of = {category: i + 1 for i, category in enumerate(sorted(names, key=_numbers_first))}
        self._coco_ids: dict[str, CocoId] = {}
        train = self._list_images(config.root, config.images_train, self._train, config.subset_train)
        val = {} if self._val is None else self._list_images(config.root, config.images_val, self._val, None)
        super().__init__(config, train, val, config.root)
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

        An image without annotation is all background. None without categories.
        """
        if self.class_names is None:
            return None
        labels = np.zeros(self._size_hw(index), dtype=np.uint8)
        found = self._objects(index)
        # Crowds first: an object that was outlined inside a crowd is known, the rest of the crowd is not.
        for item, mask in sorted(found, key=lambda one: (not one[0].iscrowd, -int(one[1].sum()))):
            labels[mask] = IGNORE if item.iscrowd else self._class_id(item)
        return labels

    def read_boxes(self, index: int) -> FloatArray | None:
        """Boxes of all objects but crowds, float32 (n, 4) x1 y1 x2 y2 px; None without categories.

        An object whose box the file leaves out has that of its outline.
        """
        if self.class_names is None:
            return None
        annotations, coco_id = self._annotations_of(index)
        items = [item for item in annotations.of_image(coco_id) if not item.iscrowd]
        boxes = [self._box_xywh(index, item) if item.bbox is None else item.bbox for item in items]
        boxes_xyxy = np.asarray(boxes, dtype=np.float32).reshape(-1, 4)
        boxes_xyxy[:, 2:] += boxes_xyxy[:, :2]
        return boxes_xyxy

    def read_instances(self, index: int) -> Instances | None:
        """All objects and crowds, without those whose outline holds no pixel; None without categories."""
        if self.class_names is None:
            return None
        shown = [(item, mask) for item, mask in self._objects(index) if mask.any()]
        class_ids = [self._class_id(item) for item, _ in shown]
        return Instances.of([encode(mask) for _, mask in shown], class_ids, [bool(item.iscrowd) for item, _ in shown])

    def _annotations_of(self, index: int) -> tuple[AnnotationFile, CocoId]:
        coco_id = self._coco_ids[self.ids[index]]
        return (self._train if index < self.n_train or self._val is None else self._val), coco_id

    def _objects(self, index: int) -> list[tuple[CocoAnnotation, NDArray[np.bool_]]]:
        """The annotations of an image, crowds too, each with its mask."""
        annotations, coco_id = self._annotations_of(index)
        image, size_hw = annotations.images[coco_id], self._size_hw(index)
        return [(item, decode(item, image, size_hw)) for item in annotations.of_image(coco_id)]

    def _size_hw(self, index: int) -> tuple[int, int]:
        """Height and width of an image, px, from its pixels where the file does not tell."""
        annotations, coco_id = self._annotations_of(index)
        height, width = annotations.images[coco_id].size_hw or self.read(index).shape[:2]
        return height, width

    def _box_xywh(self, index: int, item: CocoAnnotation) -> BoxXywh:
        annotations, coco_id = self._annotations_of(index)
        mask = decode(item, annotations.images[coco_id], self._size_hw(index))
        x, y, width, height = coco_mask.toBbox(encode(mask)).tolist()
        return x, y, width, height

    def _class_id(self, item: CocoAnnotation) -> int:
        if item.category_id is None:
            raise missing("category_id", item.where)
        if item.category_id not in self._class_of:
            raise InputError(f"{item.where}.category_id: {item.category_id!r} is not among the file's categories")
        return self._class_of[item.category_id]

    def _list_images(
        self, root: Path, folder: str, annotations: AnnotationFile, subset: str | None
    ) -> Mapping[str, Path]:
        check_relative(folder, "data.images_train or data.images_val")
        require_folder(root / folder, "data.root")
        kept = set(annotations.images) if subset is None else _read_subset(root, subset, annotations)
        files: dict[str, Path] = {}
        for coco_id, image in annotations.images.items():
            if coco_id not in kept:
                continue
            image_id = f"{folder}/{image.file_name}"
            if image_id in files:
                raise InputError(f"{annotations.path}: the file name {image.file_name!r} is listed twice in images")
            files[image_id] = inside(root / folder, image.file_name, str(annotations.path))
            self._coco_ids[image_id] = coco_id
        return files


def _open(path: Path, field: str) -> AnnotationFile:
    if not path.is_file():
        raise InputError(
            f"{field}: {path} is not there; COCO's authors put it into annotations/, as instances_train2014.json and "
            f"the like; another file in COCO's format is named with -s {field}=FILE"
        )
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
    names: dict[CocoId, str] = {}
    for category in file.categories.values():
        if category.name is None:
            raise missing("name", category.where)
        names[category.id] = category.name
    return names


def _numbers_first(category_id: CocoId) -> tuple[bool, CocoId]:
    return isinstance(category_id, str), category_id


def _read_subset(root: Path, subset: str, annotations: AnnotationFile) -> set[CocoId]:
    """COCO's ids of the images that a list names, each by file name or by id."""
    listing = root / subset if (root / subset).is_file() else Path(subset)
    if not listing.is_file():
        raise InputError(
            f"data.subset_train: {subset} is neither below {root} nor a path; COCO ships no such list: that of COCO20k "
            "comes with the papers on object discovery that use it"
        )
    by_name = {image.file_name.rsplit("/", 1)[-1]: coco_id for coco_id, image in annotations.images.items()}
    ids = {**by_name, **{str(coco_id): coco_id for coco_id in annotations.images}}
    # Lists of subsets often repeat the folder, so only the last part of a name is compared; a bare number is an id.
    lines = [line.rsplit("/", 1)[-1] for line in read_lines(listing, "data.subset_train")]
    found = {line: ids.get(str(int(line)) if line.isdecimal() and line not in ids else line) for line in lines}
    unknown = [line for line, coco_id in found.items() if coco_id is None]
    if unknown:
        raise InputError(f"{listing}: {len(unknown)} of its images are not in {annotations.path}: {unknown[0]}, ...")
    return {coco_id for coco_id in found.values() if coco_id is not None}
