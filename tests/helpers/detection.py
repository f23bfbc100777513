"""A detector's work in small: images with one block each, their masks, and settings that learn in seconds."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from helpers.clusters import save_clusters
from helpers.sources import MemorySource
from maskdistill.data.catalog import CLUSTERS, MINED
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.build import create_detector
from maskdistill.stages.distill.detectors.detector import Detector
from maskdistill.stages.distill.predict import predict_part
from maskdistill.stages.distill.start import find_start

CPU = torch.device("cpu")
SETTINGS = DistillConfig(
    backend="torchvision",
    backbone="resnet18",
    heads="slim",
    image_size=64,
    max_size=128,
    scale=(1.0, 1.0),
    iterations=50,
    batch_size=2,
    lr=1e-3,
    optimizer="adamw",
    warmup_iterations=10,
    schedule="cosine",
    precision="fp32",
)
SIZES_HW = [(64, 96), (80, 64), (64, 64), (64, 96), (72, 64), (64, 80)]


def block_of(index: int) -> NDArray[np.bool_]:
    """Mask of the block of an image."""
    mask = np.zeros(SIZES_HW[index], dtype=bool)
    mask[12 + 3 * index : 46 + 3 * index, 10 + 2 * index : 44 + 2 * index] = True
    return mask


def make_blocks(n_train: int = 4) -> MemorySource:
    """One bright block per image on noise: red ones are cluster 0, green ones cluster 1."""
    images = {}
    for index, size_hw in enumerate(SIZES_HW):
        pixels = np.random.default_rng(index).integers(0, 70, (*size_hw, 3), dtype=np.uint8)
        pixels[block_of(index), index % 2] = 240
        images[f"photo{index}"] = pixels
    return MemorySource(images, n_train)


def save_inputs(folder: Path, masks: MaskStore, k: int = 2) -> dict[str, Path]:
    """Write masks, and clusters that take turns, as the stages before leave them; gives their folders."""
    artifacts = {name: folder / name for name in ("mine", "cluster")}
    masks.save(MINED.path(artifacts))
    save_clusters(CLUSTERS.path(artifacts), np.arange(len(masks), dtype=np.int32) % k, k)
    return artifacts


def block_inputs(folder: Path, source: ImageSource) -> StageInputs:
    """Images with the masks and clusters of their blocks."""
    builder = MaskStoreBuilder()
    for index, image_id in enumerate(source.ids):
        builder.add(image_id, block_of(index)[None])
    artifacts = save_inputs(folder, builder.build())
    return StageInputs(source, artifacts, seed=2, execution=ExecutionConfig(device="cpu", part_size=4))


def make_detector(config: DistillConfig, n_clusters: int = 2) -> Detector:
    """A detector before its training."""
    return create_detector(config, n_clusters, find_start(config, {}, seed=0))


def predict(detector: Detector, source: ImageSource, ids: list[str], batch_size: int = 4) -> MaskStore:
    """Candidates of some images."""
    return predict_part(detector, source, ids, SETTINGS, batch_size, CPU, lambda n: None)
