"""Baselines of the mined masks: Otsu's threshold, and the same mining with a ViT that has learnt nothing.

They read no labels; their scores are those that the stages get.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from maskdistill.data.arrays import FloatArray, UInt8Array
from maskdistill.data.catalog import MINED
from maskdistill.data.errors import UnreadableImage
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.instances import Instances
from maskdistill.data.stores.masks import MaskStoreBuilder
from maskdistill.stages.cluster.config import ClusterConfig
from maskdistill.stages.cluster.stage import run as run_cluster
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.evaluate.config import EvaluateConfig
from maskdistill.stages.evaluate.random_vit import write_random_vit
from maskdistill.stages.evaluate.stage import evaluate
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.methods.otsu_masks import otsu_on_colour, otsu_on_edges
from maskdistill.stages.mine.stage import run as run_mine
from maskdistill.stages.progress import Progress
from maskdistill.stages.weights import WeightsSource

OTSU = {"Otsu on colour": otsu_on_colour, "Otsu on edges": otsu_on_edges}
RANDOM_VIT = "random ViT"


def evaluate_baselines(
    config: EvaluateConfig, mine: MineConfig, cluster: ClusterConfig, inputs: StageInputs, progress: Progress
) -> dict[str, dict[str, Any]]:
    """Make and score the masks of every baseline, on the first images of each split.

    Args:
        config: Which classes count, and how many images there are of each split.
        mine: Settings of the mining stage; its weights are replaced by random ones, treated as `random_vit` says.
        cluster: Settings of the clustering stage; likewise.
        inputs: The images, the seed of the random weights, and the artifact of `pretrain` where `mine` uses it.
        progress: Told about every image.

    Returns:
        By name of the baseline: `items`, the number of masks; `seconds` to make them; and `scores` as `evaluate` gives
        them, those of `mine`, and for the untrained ViT those of its clusters too.
    """
    source = FirstImages(inputs.source, config.baseline_images)
    inputs = replace(inputs, source=source)
    results = {}
    for name, mask_of in OTSU.items():
        with tempfile.TemporaryDirectory() as folder:
            results[name] = _otsu(name, mask_of, config, source, Path(folder), progress)
    with tempfile.TemporaryDirectory() as folder:
        results[RANDOM_VIT] = _random_vit(config, mine, cluster, inputs, Path(folder), progress)
    return results


def _otsu(
    name: str,
    mask_of: Callable[[UInt8Array], NDArray[Any]],
    config: EvaluateConfig,
    source: ImageSource,
    folder: Path,
    progress: Progress,
) -> dict[str, Any]:
    builder = MaskStoreBuilder()
    began = time.monotonic()
    progress.start(name, len(source), "images")
    for i, image_id in enumerate(source.ids):
        progress.advance()
        try:
            builder.add(image_id, mask_of(source.read(i))[None])
        except UnreadableImage:  # counts as an image without mask, as it does in every stage
            continue
    seconds = time.monotonic() - began
    masks = builder.build()
    masks.save(folder / MINED.file)
    scores = evaluate(config, "mine", source, {"mine": folder}, progress)
    return {"items": len(masks), "seconds": seconds, "scores": scores}


def _random_vit(
    config: EvaluateConfig,
    mine: MineConfig,
    cluster: ClusterConfig,
    inputs: StageInputs,
    folder: Path,
    progress: Progress,
) -> dict[str, Any]:
    weights = str(folder / "random.safetensors")
    write_random_vit(mine, inputs, Path(weights), progress)
    folders = {"mine": folder / "mine", "cluster": folder / "cluster"}
    for path in folders.values():
        path.mkdir()
    source, inputs = inputs.source, replace(inputs, artifacts={"mine": folders["mine"]})
    began = time.monotonic()
    untrained = mine.model_copy(update={"weights": WeightsSource("file", weights), "method": "affinity"})
    made = run_mine(untrained, inputs, folders["mine"], progress)
    seconds = time.monotonic() - began
    scores = evaluate(config, "mine", source, folders, progress)
    if "status" not in scores and source.n_train >= cluster.k:
        own = cluster.model_copy(update={"model": mine.model, "weights": WeightsSource("file", weights)})
        run_cluster(own, inputs, folders["cluster"], progress)
        clustered = evaluate(config, "cluster", source, folders, progress)
        scores = {split: clustered[split] | scores[split] for split in scores}
    return {"items": made.items, "seconds": seconds, "scores": scores}


class FirstImages(ImageSource):
    """The first images of each split of another source."""

    def __init__(self, source: ImageSource, n_images: int) -> None:
        n_val = min(n_images, len(source) - source.n_train)
        self.n_train = min(n_images, source.n_train)
        self._source = source
        self._items = (*range(self.n_train), *range(source.n_train, source.n_train + n_val))
        self.ids = tuple(source.ids[i] for i in self._items)
        self.class_names = source.class_names

    def read(self, index: int) -> UInt8Array:
        """Pixels as uint8 (H, W, 3) RGB."""
        return self._source.read(self._items[index])

    def fingerprint(self) -> str:
        """That of the other source, and how many images of it there are."""
        return f"{self._source.fingerprint()} {self.n_train} {len(self)}"

    def read_labels(self, index: int) -> UInt8Array | None:
        """Class of each pixel as uint8 (H, W)."""
        return self._source.read_labels(self._items[index])

    def read_boxes(self, index: int) -> FloatArray | None:
        """Boxes of the objects as float32 (n, 4)."""
        return self._source.read_boxes(self._items[index])

    def read_instances(self, index: int) -> Instances | None:
        """The objects."""
        return self._source.read_instances(self._items[index])

    def labels_fingerprint(self) -> str | None:
        """That of the other source."""
        return self._source.labels_fingerprint()
