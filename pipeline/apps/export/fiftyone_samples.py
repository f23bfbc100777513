"""Masks as FiftyOne samples, and as a FiftyOne data set on disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from maskdistill.data.coco.export import coco_categories, count_clusters
from maskdistill.data.errors import InputError
from maskdistill.data.optional import import_optional
from maskdistill.data.stores.image_masks import ImageMasks
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.apps.export.names import ImageNames

FIELD = "maskdistill"
"""Field of the samples that holds the masks."""
_PURPOSE, _INSTALL = "an export to FiftyOne", "pip install fiftyone"


def to_fiftyone(image: ImageMasks, images: ImageNames, class_names: list[str]) -> Any:
    """The `fiftyone.Sample` of an image; each detection holds the part of its mask within its box.

    Args:
        image: The masks.
        images: Tells the path of the image.
        class_names: Name of each cluster, and last the one for masks without.

    Raises:
        InputError: FiftyOne is not installed.
    """
    fiftyone = import_optional("fiftyone", _PURPOSE, _INSTALL)
    sample = fiftyone.Sample(filepath=images.file_of(image.id))
    detections = []
    for mask, box, score, cluster in zip(image.masks, image.bbox_xywh, image.score, image.cluster, strict=True):
        x, y, width, height = box.astype(int).tolist()
        full_height, full_width = mask.shape
        detections.append(
            fiftyone.Detection(
                label=class_names[int(cluster)],
                bounding_box=[x / full_width, y / full_height, width / full_width, height / full_height],
                mask=mask[y : y + height, x : x + width],
                confidence=float(score),
            )
        )
    sample[FIELD] = fiftyone.Detections(detections=detections)
    return sample


def write_fiftyone(store: MaskStore, images: ImageNames, folder: Path, on_image: Callable[[], None]) -> None:
    """Write a `FiftyOneDataset` folder that points to the image files and does not copy them.

    Raises:
        InputError: FiftyOne is not installed, or its database does not start.
    """
    fiftyone = import_optional("fiftyone", _PURPOSE, _INSTALL)
    names = [category["name"] for category in coco_categories(store, count_clusters(store), images.clusters)]
    try:
        dataset = fiftyone.Dataset()
    except fiftyone.core.config.FiftyOneConfigError as error:
        raise InputError(f"{_PURPOSE} needs the database of FiftyOne, which does not start: {error}") from error
    try:
        for image in store.images():
            dataset.add_sample(to_fiftyone(image, images, names))
            on_image()
        dataset.export(
            export_dir=str(folder), dataset_type=fiftyone.types.FiftyOneDataset, export_media=False, progress=False
        )
    finally:
        dataset.delete()
