"""Masks in detectron2's form: dataset dicts, and a data set that is registered under a name.

Category c is cluster c, as detectron2 counts from 0; masks without a cluster have the category after the last one.
"""

import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from maskdistill.data.coco.export import coco_annotations, coco_categories, count_clusters
from maskdistill.data.errors import InputError
from maskdistill.data.optional import import_optional
from maskdistill.data.stores.image_masks import ImageMasks
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.apps.export.names import ImageNames

_INSTALL = "build it as https://detectron2.readthedocs.io says"
XYWH_ABS = 1
"""detectron2's BoxMode of boxes x, y, width, height in px."""
_FIELDS = ("category_id", "segmentation", "bbox", "iscrowd", "area", "score")


def detectron_dicts(
    store: MaskStore, images: ImageNames, image_ids: Collection[str] | None = None
) -> Iterator[dict[str, Any]]:
    """One dict per image, with `annotations` whose segmentation is a run-length code (INPUT.MASK_FORMAT "bitmask").

    Args:
        store: The masks.
        images: Tells the file names, and the sizes of images without a mask.
        image_ids: The images that are wanted; None = all. Categories are those of all masks in any case.
    """
    n_clusters = count_clusters(store)
    wanted = set(store.image_ids if image_ids is None else image_ids)
    return (_detectron_dict(image, n_clusters, images) for image in store.images() if image.id in wanted)


def register(name: str, store: MaskStore, images: ImageNames, image_ids: Collection[str] | None = None) -> None:
    """Register the masks in detectron2's catalogue, with the clusters as `thing_classes`.

    For training give the ids of the training images as `image_ids`: a store holds the validation images, too.

    Raises:
        InputError: detectron2 is not installed.
    """
    catalogue = import_optional("detectron2.data", "a registered data set", _INSTALL)
    catalogue.DatasetCatalog.register(name, lambda: list(detectron_dicts(store, images, image_ids)))
    categories = coco_categories(store, count_clusters(store), images.clusters)
    catalogue.MetadataCatalog.get(name).set(thing_classes=[category["name"] for category in categories])


def write_detectron(store: MaskStore, images: ImageNames, path: Path, on_image: Callable[[], None]) -> None:
    """Write the dicts as a JSON list, one per line; `DatasetCatalog.register(NAME, lambda: json.load(open(FILE)))`."""
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for i, entry in enumerate(detectron_dicts(store, images)):
            file.write((",\n" if i else "\n") + json.dumps(entry, allow_nan=False))
            on_image()
        file.write("]\n")


def _detectron_dict(image: ImageMasks, n_clusters: int, images: ImageNames) -> dict[str, Any]:
    size_hw = image.size_hw or images.size_of(image.id)
    if size_hw is None:
        raise InputError(
            f"export: {image.id} has no mask and is gone, so that nothing tells its size; put the image back, or "
            "export coco, which does without"
        )
    height, width = size_hw
    return {
        "file_name": images.file_of(image.id),
        "image_id": image.position + 1,
        "height": height,
        "width": width,
        "annotations": [_annotation(entry) for entry in coco_annotations(image, n_clusters)],
    }


def _annotation(entry: dict[str, Any]) -> dict[str, Any]:
    fields = {name: entry[name] for name in _FIELDS}
    return {**fields, "category_id": entry["category_id"] - 1, "bbox_mode": XYWH_ABS}
