"""Small COCO data sets: the content of annotation files, and the images that they list."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from helpers.sources import write_images
from maskdistill.data.config import CocoConfig
from maskdistill.data.sources.coco import CocoSource

Content = dict[str, Any]
SIZE_HW = (10, 12)
"""Of every image here."""
CATEGORIES = ({"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}, {"id": 18, "name": "dog"})


def box(image_id: int, category_id: int, x: int, y: int, width: int, height: int) -> Content:
    """An annotation whose outline is its box, as a polygon."""
    corners = [x, y, x + width, y, x + width, y + height, x, y + height]
    return {
        "image_id": image_id,
        "category_id": category_id,
        "iscrowd": 0,
        "bbox": [x, y, width, height],
        "segmentation": [corners],
    }


def runs_of(mask: NDArray[np.bool_]) -> list[int]:
    """The mask as uncompressed counts: lengths of runs, column by column, of 0 first."""
    flat = mask.ravel(order="F").astype(int)
    changes = np.flatnonzero(np.diff(flat)) + 1
    runs: list[int] = np.diff([0, *changes, len(flat)]).tolist()
    return ([0] if flat[0] else []) + runs


def code_of(mask: NDArray[np.bool_]) -> Content:
    """The mask as a compressed code, as a file holds it."""
    code = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": code["size"], "counts": code["counts"].decode()}


def coded(image_id: int, category_id: int, mask: NDArray[np.bool_], *, crowd: bool, compressed: bool) -> Content:
    """An annotation of a mask, whose box is not that of the mask."""
    code = code_of(mask) if compressed else {"size": list(mask.shape), "counts": runs_of(mask)}
    return box(image_id, category_id, 0, 0, 1, 1) | {"iscrowd": int(crowd), "segmentation": code}


def lower_rows() -> NDArray[np.bool_]:
    """All pixels from row 6 on."""
    mask = np.zeros(SIZE_HW, dtype=bool)
    mask[6:] = True
    return mask


def train_content() -> Content:
    """Image 7 with a dog, a larger person and a crowd of toothbrushes; image 3 with nothing."""
    small_first = [box(7, 18, 3, 2, 3, 3), box(7, 1, 1, 1, 8, 6)]
    return {
        "images": [
            {"id": 7, "file_name": "000007.jpg", "height": 10, "width": 12},
            {"id": 3, "file_name": "000003.jpg", "height": 10, "width": 12},
        ],
        "annotations": [*small_first, coded(7, 90, lower_rows(), crowd=True, compressed=False)],
        "categories": [dict(category) for category in CATEGORIES],
    }


def val_content() -> Content:
    """Image 7, another one, with a toothbrush."""
    return {
        "images": [{"id": 7, "file_name": "000100.jpg", "height": 10, "width": 12}],
        "annotations": [coded(7, 90, lower_rows(), crowd=False, compressed=True)],
        "categories": [dict(category) for category in CATEGORIES],
    }


def write_annotations(root: Path, split: str, content: Mapping[str, Any]) -> Path:
    """Write the annotation file of a split where COCO's authors put it."""
    path = root / "annotations" / f"instances_{split}2017.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def write_coco_set(root: Path) -> Path:
    """Write images and annotations of both splits, and give the folder back."""
    write_images(root, ("train2017/000003.jpg", "train2017/000007.jpg", "val2017/000100.jpg"), SIZE_HW)
    write_annotations(root, "train", train_content())
    write_annotations(root, "val", val_content())
    return root


def open_coco(root: Path, **fields: object) -> CocoSource:
    """The data set below a folder, with other settings."""
    return CocoSource(CocoConfig.model_validate({"kind": "coco", "root": root, **fields}))
