"""Masks as supervision's Detections, and as a YOLO data set that supervision writes from them."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from maskdistill.data.coco.export import coco_categories, count_clusters
from maskdistill.data.errors import InputError
from maskdistill.data.optional import import_optional
from maskdistill.data.stores.image_masks import ImageMasks
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.apps.export.names import ImageNames

_INSTALL = "pip install supervision"
_IMAGES_AT_ONCE = 64


def to_supervision(image: ImageMasks) -> Any:
    """The `supervision.Detections` of an image: boxes, masks, scores as confidence, clusters as class ids.

    Masks without a cluster have the class after the last one.

    Raises:
        InputError: supervision is not installed.
    """
    supervision = import_optional("supervision", "an export to supervision", _INSTALL)
    if not len(image):
        return supervision.Detections.empty()
    boxes_xyxy = image.bbox_xywh.copy()
    boxes_xyxy[:, 2:] += boxes_xyxy[:, :2]
    class_id = np.where(image.cluster < 0, count_clusters(image.store), image.cluster)
    return supervision.Detections(xyxy=boxes_xyxy, mask=image.masks, confidence=image.score, class_id=class_id)


def write_yolo(store: MaskStore, images: ImageNames, folder: Path, on_image: Callable[[], None]) -> None:
    """Write a folder: `labels/*.txt` with the outlines of the masks, as polygons without holes, and `data.yaml`.

    Raises:
        InputError: supervision is not installed, the images are no files, or two of them have the same name.
    """
    supervision = import_optional("supervision", "an export to supervision", _INSTALL)
    paths = {image_id: _path(image_id, images) for image_id in store.image_ids}
    _check_names(paths)
    (folder / "labels").mkdir(parents=True)
    classes = [category["name"] for category in coco_categories(store, count_clusters(store), images.clusters)]
    remaining: Iterator[ImageMasks] = store.images()
    while batch := list(islice(remaining, _IMAGES_AT_ONCE)):
        detections = {paths[image.id]: to_supervision(image) for image in batch}
        dataset = supervision.DetectionDataset(classes, list(detections), detections)
        dataset.as_yolo(annotations_directory_path=str(folder / "labels"), data_yaml_path=str(folder / "data.yaml"))
        for _ in batch:
            on_image()


def _path(image_id: str, images: ImageNames) -> str:
    path = images.path_of(image_id)
    if path is None:
        raise InputError(
            f"export: supervision works on image files, and {image_id} is generated, or gone; export coco instead"
        )
    return str(path)


def _check_names(paths: dict[str, str]) -> None:
    taken: dict[str, str] = {}
    for path in paths.values():
        stem = Path(path).stem
        if stem in taken:
            raise InputError(f"export: {taken[stem]} and {path} would both be written as labels/{stem}.txt")
        taken[stem] = path
