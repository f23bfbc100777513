"""A detector's work in small: images with one block each, their masks, and settings that learn in seconds."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.detector import Detector
from maskdistill.stages.distill.predict import predict_part

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


class Blocks(ImageSource):
    """One bright block per image on noise: red ones are cluster 0, green ones cluster 1."""

    def __init__(self) -> None:
        self.ids = tuple(f"photo{i}" for i in range(len(SIZES_HW)))
        self.n_train = 4
        self.reads: list[int] = []

    def fingerprint(self) -> str:
        return "blocks"

    def mask(self, index: int) -> NDArray[np.bool_]:
        mask = np.zeros(SIZES_HW[index], dtype=bool)
        mask[12 + 3 * index : 46 + 3 * index, 10 + 2 * index : 44 + 2 * index] = True
        return mask

    def read(self, index: int) -> UInt8Array:
        self.reads.append(index)
        pixels = np.random.default_rng(index).integers(0, 70, (*SIZES_HW[index], 3), dtype=np.uint8)
        pixels[self.mask(index), index % 2] = 240
        return pixels


def save_inputs(folder: Path, masks: MaskStore, k: int = 2) -> dict[str, Path]:
    """Write masks, and clusters that take turns, as the stages before leave them; gives their folders."""
    masks.save(folder / "mine" / "masks.zarr")
    n = len(masks)
    cluster = np.arange(n, dtype=np.int32) % k
    zeros = np.zeros((n, 3), dtype=np.float32)
    centroids = np.zeros((k, 3), dtype=np.float32)
    ClusterStore(zeros, cluster, zeros[:, 0], centroids, centroids[0]).save(folder / "cluster" / "clusters.zarr")
    return {name: folder / name for name in ("mine", "cluster")}


def block_inputs(folder: Path) -> StageInputs:
    """Blocks with the masks and clusters that they have."""
    source, builder = Blocks(), MaskStoreBuilder()
    for index, image_id in enumerate(source.ids):
        builder.add(image_id, source.mask(index)[None])
    artifacts = save_inputs(folder, builder.build())
    return StageInputs(source, artifacts, seed=2, execution=ExecutionConfig(device="cpu", part_size=4))


def predict(detector: Detector, source: ImageSource, ids: list[str], batch_size: int = 4) -> MaskStore:
    """Candidates of some images."""
    return predict_part(detector, source, ids, SETTINGS, batch_size, CPU, lambda n: None)
