"""What every stage would leave if it made no mistake: the ground truth of small images as masks, clusters and maps."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from helpers.clusters import save_clusters
from helpers.sources import BlobSource
from maskdistill.data.arrays import IGNORE, UInt8Array
from maskdistill.data.catalog import CANDIDATES, CLUSTERS, KEPT, MINED, PREDICTIONS, PSEUDO_LABELS
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.instances import Instances
from maskdistill.data.stores.labels import write_labels
from maskdistill.data.stores.masks import MaskStoreBuilder

STAGES = ("mine", "cluster", "distill", "filter", "segment")


class BlobObjects(BlobSource):
    """Blobs whose ground truth tells single objects too: each rectangle is one."""

    def read_instances(self, index: int) -> Instances:
        return Instances.of_map(object_mask(self, index).astype(np.uint8), [1 + index % 2])


def label_map(source: ImageSource, index: int) -> UInt8Array:
    """The classes of an image that has ground truth, uint8 (height, width)."""
    labels = source.read_labels(index)
    assert labels is not None
    return labels


def object_mask(source: ImageSource, index: int) -> NDArray[np.bool_]:
    """Where an image shows anything but background, bool (height, width)."""
    labels = label_map(source, index)
    return np.asarray((labels > 0) & (labels != IGNORE))


def save_masks(path: Path, masks: Iterable[tuple[str, NDArray[np.bool_]]]) -> None:
    """Write one mask, bool (height, width), for each image id."""
    builder = MaskStoreBuilder()
    for image_id, mask in masks:
        builder.add(image_id, mask[None])
    builder.build().save(path)


def save_truth(folder: Path, source: ImageSource) -> dict[str, Path]:
    """Write the truth as the artifacts of all stages, the classes 1 and 2 as the clusters 1 and 0; gives their folders.

    The detector has a second candidate for each image, which is wrong and less sure.
    """
    folders = {stage: folder / stage for stage in STAGES}
    masks = [object_mask(source, i) for i in range(len(source))]
    cluster = np.asarray([1 - i % 2 for i in range(len(source))], dtype=np.int32)
    save_masks(MINED.path(folders), zip(source.ids, masks, strict=True))
    save_clusters(CLUSTERS.path(folders), cluster, 2)
    candidates, kept = MaskStoreBuilder(), MaskStoreBuilder()
    for image_id, mask, own in zip(source.ids, masks, cluster.tolist(), strict=True):
        candidates.add(image_id, np.stack([mask, np.roll(mask, 30, axis=0)]), [0.8, 0.3], [own, own])
        kept.add(image_id, mask[None], [0.8], [own])
    candidates.build().save(CANDIDATES.path(folders))
    kept.build().save(KEPT.path(folders))
    maps = [(source.ids[i], mask * np.uint8(cluster[i] + 1)) for i, mask in enumerate(masks)]
    for store in (PSEUDO_LABELS, PREDICTIONS):
        write_labels(store.path(folders), maps)
    return folders
