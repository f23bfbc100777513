"""The COCO annotation format: reading it with errors that name the file and the field."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from data.errors import InputError


@dataclass(frozen=True)
class CocoImage:
    """One entry of `images`: file name below the image folder, and height and width in px."""

    file_name: str
    size_hw: tuple[int, int]


@dataclass(frozen=True)
class CocoInstance:
    """One entry of `annotations`: `segmentation` is polygons or a run-length code, `where` is for messages."""

    category_id: int
    is_crowd: bool
    bbox_xywh: tuple[float, float, float, float]
    segmentation: Any
    where: str


class CocoAnnotations:
    """An annotation file.

    Attributes:
        path: The file.
        images: Image by COCO's image id.
        categories: Name by category id.
    """

    def __init__(self, path: Path) -> None:
        """Read images and categories. Raises InputError where the file or one of these fields is not in order."""
        self.path = path
        content = _read_json(path)
        self.images = {
            _field(item, "id", int, where): CocoImage(
                _field(item, "file_name", str, where),
                (_field(item, "height", int, where), _field(item, "width", int, where)),
            )
            for where, item in _items(content, "images", path)
        }
        self.categories = {
            _field(item, "id", int, where): _field(item, "name", str, where)
            for where, item in _items(content, "categories", path)
        }
        if len(self.images) != len(content["images"]) or len(self.categories) != len(content["categories"]):
            raise InputError(f"{path}: an id occurs twice in images or in categories")

    def of_image(self, image_id: int) -> Sequence[CocoInstance]:
        """Annotations of one image, maybe none. Raises InputError where an annotation of the file is not in order."""
        return self._by_image.get(image_id, ())

    @cached_property
    def _by_image(self) -> dict[int, list[CocoInstance]]:
        # Read anew: runs that need no ground truth, which is most, should not hold gigabytes of polygons.
        by_image: dict[int, list[CocoInstance]] = {}
        for where, item in _items(_read_json(self.path), "annotations", self.path):
            category_id = _field(item, "category_id", int, where)
            if category_id not in self.categories:
                raise InputError(f"{where}.category_id: {category_id} is not among the file's categories")
            instance = CocoInstance(
                category_id=category_id,
                is_crowd=item.get("iscrowd", 0) == 1,
                bbox_xywh=_bbox(item, where),
                segmentation=_field(item, "segmentation", (list, dict), where),
                where=where,
            )
            by_image.setdefault(_field(item, "image_id", int, where), []).append(instance)
        return by_image


def decode_segmentation(item: CocoInstance, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Mask of an instance as bool (height, width). Raises InputError where its polygons or code are not in order."""
    try:
        if isinstance(item.segmentation, dict):
            rle = _compressed(item.segmentation)
            if tuple(rle["size"]) != size_hw:
                raise ValueError(f"size is {rle['size']}, the image is {list(size_hw)}")
        else:
            # Fewer than three corners have no area, and pycocotools would take two for a box.
            polygons = [polygon for polygon in item.segmentation if len(polygon) >= 6]
            if not polygons:
                return np.zeros(size_hw, dtype=bool)
            rle = coco_mask.merge(coco_mask.frPyObjects(polygons, *size_hw))
        return np.asarray(coco_mask.decode(rle), dtype=bool)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{item.where}.segmentation: neither polygons nor a run-length code ({error})") from error


def _compressed(code: dict[str, Any]) -> dict[str, Any]:
    if isinstance(code["counts"], list):
        return dict(coco_mask.frPyObjects(code, *code["size"]))
    return code


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: the annotation file cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: a COCO annotation file is an object with images, annotations and categories")
    return content


def _items(content: dict[str, Any], name: str, path: Path) -> list[tuple[str, dict[str, Any]]]:
    items = _field(content, name, list, str(path))
    for i, item in enumerate(items):
        if not isinstance(item, dict):
            raise InputError(f"{path}: {name}[{i}] must be an object")
    return [(f"{path}: {name}[{i}]", item) for i, item in enumerate(items)]


def _field(item: dict[str, Any], name: str, kind: type | tuple[type, ...], where: str) -> Any:
    value = item.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        found = "is missing" if name not in item else f"is {type(value).__name__}"
        kinds = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
        raise InputError(f"{where}: field {name!r} {found}, it must be {kinds}")
    return value


def _bbox(item: dict[str, Any], where: str) -> tuple[float, float, float, float]:
    values = _field(item, "bbox", list, where)
    if len(values) != 4 or not all(isinstance(value, int | float) for value in values):
        raise InputError(f"{where}: field 'bbox' must be four numbers: x, y, width, height")
    return (values[0], values[1], values[2], values[3])
