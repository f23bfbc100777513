"""COCO and data sets in its format: images as the annotation files list them, label maps painted from instances."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

from maskdistill.data.arrays import IGNORE, FloatArray, UInt8Array
from maskdistill.data.coco.annotations import CocoAnnotations, decode_segmentation
from maskdistill.data.config import CocoConfig
from maskdistill.data.errors import InputError
from maskdistill.data.paths import check_relative, inside
from maskdistill.data.sources.files import FileSource, read_lines, require_folder
from maskdistill.data.sources.instances import Instances


class CocoSource(FileSource):
    """The images of one or two COCO annotation files.

    Classes are numbered 1, 2, ... in order of their category ids, which may have gaps.
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
        self._categories = _same_categories(self._train, self._val)
        self._class_of = {category: i + 1 for i, category in enumerate(sorted(self._categories))}
        self._coco_ids: dict[str, int] = {}
        train = self._list_images(config.root, config.images_train, self._train, config.subset_train)
        val = {} if self._val is None else self._list_images(config.root, config.images_val, self._val, None)
        super().__init__(config, train, val, config.root)
        self.class_names = ("background", *(self._categories[category] for category in self._class_of))

    def label_files(self) -> dict[str, Path]:
        """The annotation files, by split."""
        files = {"train": self._train.path}
        return files if self._val is None else {**files, "val": self._val.path}

    def read_labels(self, index: int) -> UInt8Array:
        """Class of each pixel as uint8 (H, W): smaller objects on top of larger ones, crowds 255 where no object is.

        An image without annotation is all background.
        """
        annotations, coco_id = self._annotations_of(index)
        size_hw = annotations.images[coco_id].size_hw
        labels = np.zeros(size_hw, dtype=np.uint8)
        painted = []
        for item in annotations.of_image(coco_id):
            mask = decode_segmentation(item, size_hw)
            value = IGNORE if item.is_crowd else self._class_of[item.category_id]
            painted.append((item.is_crowd, int(mask.sum()), value, mask))
        # Crowds first: an object that was outlined inside a crowd is known, the rest of the crowd is not.
        for _, _, value, mask in sorted(painted, key=lambda entry: (not entry[0], -entry[1])):
            labels[mask] = value
        return labels

    def read_boxes(self, index: int) -> FloatArray:
        """Boxes of all objects but crowds, float32 (n, 4) x1 y1 x2 y2 px."""
        annotations, coco_id = self._annotations_of(index)
        boxes = [item.bbox_xywh for item in annotations.of_image(coco_id) if not item.is_crowd]
        boxes_xyxy = np.asarray(boxes, dtype=np.float32).reshape(-1, 4)
        boxes_xyxy[:, 2:] += boxes_xyxy[:, :2]
        return boxes_xyxy

    def read_instances(self, index: int) -> Instances:
        """All objects and crowds, without those whose outline holds no pixel."""
        annotations, coco_id = self._annotations_of(index)
        size_hw = annotations.images[coco_id].size_hw
        items = annotations.of_image(coco_id)
        masks = [decode_segmentation(item, size_hw) for item in items]
        rles = [coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8)) for mask in masks if mask.any()]
        shown = [item for item, mask in zip(items, masks, strict=True) if mask.any()]
        class_ids = [self._class_of[item.category_id] for item in shown]
        return Instances.of(rles, class_ids, [item.is_crowd for item in shown])

    def _annotations_of(self, index: int) -> tuple[CocoAnnotations, int]:
        coco_id = self._coco_ids[self.ids[index]]
        return (self._train if index < self.n_train or self._val is None else self._val), coco_id

    def _list_images(
        self, root: Path, folder: str, annotations: CocoAnnotations, subset: str | None
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


def _open(path: Path, field: str) -> CocoAnnotations:
    if not path.is_file():
        raise InputError(
            f"{field}: {path} is not there; COCO's authors put it into annotations/, as instances_train2014.json and "
            f"the like; another file in COCO's format is named with -s {field}=FILE"
        )
    return CocoAnnotations(path)


def _same_categories(train: CocoAnnotations, val: CocoAnnotations | None) -> dict[int, str]:
    if val is not None and val.categories != train.categories:
        raise InputError(f"{val.path}: its categories are not those of {train.path}; both splits need the same classes")
    if len(train.categories) >= IGNORE:
        raise InputError(f"{train.path}: {len(train.categories)} categories, but label maps hold at most {IGNORE - 1}")
    return train.categories


def _read_subset(root: Path, subset: str, annotations: CocoAnnotations) -> set[int]:
    """COCO's ids of the images that a list names, each by file name or by id."""
    listing = root / subset if (root / subset).is_file() else Path(subset)
    if not listing.is_file():
        raise InputError(
            f"data.subset_train: {subset} is neither below {root} nor a path; COCO ships no such list: that of COCO20k "
            "comes with the papers on object discovery that use it"
        )
    ids = {image.file_name.rsplit("/", 1)[-1]: coco_id for coco_id, image in annotations.images.items()}
    # Lists of subsets often repeat the folder, so only the last part of a name is compared; a bare number is an id.
    lines = [line.rsplit("/", 1)[-1] for line in read_lines(listing, "data.subset_train")]
    found = {line: int(line) if line.isdecimal() else ids.get(line) for line in lines}
    missing = [line for line, coco_id in found.items() if coco_id not in annotations.images]
    if missing:
        raise InputError(f"{listing}: {len(missing)} of its images are not in {annotations.path}: {missing[0]}, ...")
    return {coco_id for coco_id in found.values() if coco_id is not None}
