"""Masks as the targets that torchvision's detectors take.

Label c + 1 is cluster c, as 0 is background there; masks without a cluster have the label after the last one.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maskdistill.data.atomic import write_json
from maskdistill.data.coco.export import coco_categories, count_clusters
from maskdistill.data.stores.image_masks import ImageMasks
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.apps.export.names import ImageNames

Target = dict[str, Tensor]


def torchvision_target(image: ImageMasks, n_clusters: int, size_hw: tuple[int, int] | None = None) -> Target:
    """The target of an image with n masks.

    Args:
        image: The masks.
        n_clusters: `count_clusters` of their store.
        size_hw: Height and width, px, of an image without a mask.

    Returns:
        `boxes` float32 (n, 4) x1 y1 x2 y2 px, `labels` int64 (n,), `masks` uint8 (n, height, width), `scores` float32
        (n,), `area` float32 (n,) px, `iscrowd` int64 (n,), `image_id` int64 (): position in the store.
    """
    boxes_xyxy = torch.from_numpy(image.bbox_xywh.copy())
    boxes_xyxy[:, 2:] += boxes_xyxy[:, :2]
    cluster = image.cluster.astype(np.int64)
    masks = image.masks if len(image) else np.zeros((0, *(size_hw or (0, 0))), dtype=bool)
    return {
        "boxes": boxes_xyxy,
        "labels": torch.from_numpy(np.where(cluster < 0, n_clusters, cluster) + 1),
        "masks": torch.from_numpy(masks.astype(np.uint8)),
        "scores": torch.from_numpy(image.score.copy()),
        "area": torch.from_numpy(image.area.astype(np.float32)),
        "iscrowd": torch.zeros(len(image), dtype=torch.int64),
        "image_id": torch.tensor(image.position),
    }


def write_torchvision(store: MaskStore, images: ImageNames, folder: Path, on_image: Callable[[], None]) -> None:
    """Write a folder: `00000000.pt` and so on, one target each for `torch.load`, and `index.json`, which names them."""
    folder.mkdir()
    n_clusters = count_clusters(store)
    for image in store.images():
        size_hw = None if len(image) else images.size_of(image.id)
        torch.save(torchvision_target(image, n_clusters, size_hw), folder / f"{image.position:08d}.pt")
        on_image()
    index = {
        "images": [images.name_of(image_id) for image_id in store.image_ids],
        "labels": {
            category["id"]: category["name"] for category in coco_categories(store, n_clusters, images.clusters)
        },
    }
    write_json(folder / "index.json", index)
