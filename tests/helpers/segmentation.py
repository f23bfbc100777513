"""A segmenter's work in small: images with a bright right half, their classes, and settings that learn in seconds."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from helpers.clusters import save_clusters
from helpers.sources import MemorySource
from maskdistill.data.arrays import UInt8Array
from maskdistill.data.catalog import CLUSTERS, PSEUDO_LABELS
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.labels import write_labels
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.segment.config import SegmentConfig

SETTINGS = SegmentConfig(
    backbone="resnet18",
    output_stride=16,
    crop=64,
    iterations=40,
    batch_size=4,
    lr=2e-3,
    optimizer="adamw",
    schedule="cosine",
    scale=(0.9, 1.1),
    keep_fraction=1.0,
    precision="fp32",
)
SIZES_HW = [(60, 80), (64, 64), (80, 50), (60, 80), (1, 1), (70, 40)]
COLOURS = np.array([[20, 20, 40], [230, 30, 30], [30, 230, 30]], dtype=np.uint8)


def halves_of(index: int) -> UInt8Array:
    """Classes of an image: background on the left, 1 or 2 on the right."""
    label_map = np.zeros(SIZES_HW[index], dtype=np.uint8)
    label_map[:, SIZES_HW[index][1] // 2 :] = 1 + index % 2
    return label_map


def make_halves(n_train: int = 4, unreadable: Iterable[int] = ()) -> MemorySource:
    """Six images, dark on the left, bright red or green on the right."""
    labels = {f"photo{i}": halves_of(i) for i in range(len(SIZES_HW))}
    images = {image_id: COLOURS[label_map] for image_id, label_map in labels.items()}
    return MemorySource(images, n_train, labels, unreadable=unreadable)


def segment_inputs(
    folder: Path, source: ImageSource, execution: ExecutionConfig, *, k: int = 2, seed: int = 1
) -> StageInputs:
    """Pseudo-labels that are the truth, and the number of clusters, as the stages before leave them below a folder."""
    artifacts = {name: folder / name for name in ("filter", "cluster")}
    maps = [(image_id, np.asarray(source.read_labels(i))) for i, image_id in enumerate(source.ids)]
    write_labels(PSEUDO_LABELS.path(artifacts), maps)
    save_clusters(CLUSTERS.path(artifacts), np.arange(k, dtype=np.int32), k)
    return StageInputs(source, artifacts, seed, execution)
