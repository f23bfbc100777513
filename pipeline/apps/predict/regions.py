"""The connected regions of label maps as masks, for programs that know objects and no label maps."""

import numpy as np
from pycocotools import mask as coco_mask
from scipy import ndimage

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.stores.labels import LabelStore
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.data.stores.rle import Rle


def label_regions(labels: LabelStore) -> MaskStore:
    """One mask for each 4-connected region of a cluster, in the order of the images and of their clusters."""
    builder = MaskStoreBuilder()
    for index, image_id in enumerate(labels.image_ids):
        codes, clusters = _regions(labels.read(index))
        builder.add_rles(image_id, codes, clusters=clusters)
    return builder.build()


def _regions(labels: UInt8Array) -> tuple[list[Rle], list[int]]:
    """The regions of a label map (H, W), and the cluster of each: one less than its label."""
    codes: list[Rle] = []
    clusters: list[int] = []
    for label in np.unique(labels[labels > 0]).tolist():
        regions, count = ndimage.label(labels == label)
        for region in range(1, count + 1):
            codes.append(coco_mask.encode(np.asfortranarray(regions == region, dtype=np.uint8)))
            clusters.append(label - 1)
    return codes, clusters
