"""Stages that take no time: each draws the bright rectangle of every image instead of looking for it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.catalog import CANDIDATES, CLUSTERS, MINED, PREDICTIONS, PSEUDO_LABELS, TRAINING_LOG
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.labels import write_labels
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.filter.stage import run as run_filter
from maskdistill.stages.progress import Progress, Silent

K = 3
"""Clusters; those of images are 0 and 1 in turn, the last one is empty."""
REASON = "<script>alert('1')</script> & \"x\" | `y`"
"""Why `mine` skipped an image: text that must not be taken for markup."""
StageFunction = Callable[[Any, StageInputs, Path, Progress], StageOutputs]


def bright(source: ImageSource, index: int) -> NDArray[np.bool_]:
    """The object of an image, bool (height, width); see `BlobSource`."""
    return np.asarray(source.read(index).max(axis=-1) >= 180)


def drawn_stage(name: str) -> StageFunction:
    """The `run` of a stage that draws; that of `filter` is the real one."""

    def run(config: Any, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
        if name == "filter":
            return run_filter(config, inputs, workdir, Silent())
        items = _DRAW[name](inputs, workdir)
        return StageOutputs(items=items, unit="things", failures={"broken": REASON} if name == "mine" else {})

    return run


def _mine(inputs: StageInputs, workdir: Path) -> int:
    return _write_masks(inputs.source, workdir / MINED.file, per_image=1)


def _cluster(inputs: StageInputs, workdir: Path) -> int:
    masks: MaskStore = MINED.open(inputs.artifacts)
    cluster = (masks.image % 2).astype(np.int32)
    distance = np.linspace(1, 0, len(masks), dtype=np.float32)
    embedding = np.zeros((len(masks), 2), np.float32)
    store = ClusterStore(embedding, cluster, distance, np.zeros((K, 2), np.float32), np.ones(2, np.float32))
    store.save(workdir / CLUSTERS.file)
    return len(masks)


def _distill(inputs: StageInputs, workdir: Path) -> int:
    _write_losses(workdir)
    return _write_masks(inputs.source, workdir / CANDIDATES.file, per_image=3)


def _segment(inputs: StageInputs, workdir: Path) -> int:
    _write_losses(workdir)
    labels = PSEUDO_LABELS.open(inputs.artifacts)
    write_labels(workdir / PREDICTIONS.file, [(labels.image_ids[i], labels.read(i)) for i in range(len(labels))])
    return len(labels)


_DRAW: dict[str, Callable[[StageInputs, Path], int]] = {
    "mine": _mine,
    "cluster": _cluster,
    "distill": _distill,
    "segment": _segment,
}


def _write_masks(source: ImageSource, path: Path, per_image: int) -> int:
    """The object of each image, and copies of it that are shifted downwards, each with a lower score."""
    builder = MaskStoreBuilder()
    for index, image_id in enumerate(source.ids):
        masks = np.stack([np.roll(bright(source, index), 7 * shift, axis=0) for shift in range(per_image)])
        if per_image == 1:
            builder.add(image_id, masks)
        else:
            builder.add(image_id, masks, np.linspace(0.95, 0.3, per_image), [index % 2] * per_image)
    builder.build().save(path)
    return len(source.ids) * per_image


def _write_losses(workdir: Path) -> None:
    lines = [{"iteration": i + 1, "lr": 0.1, "loss": 3 / (i + 1), "loss_mask": 1 / (i + 1)} for i in range(30)]
    (workdir / TRAINING_LOG).write_text("".join(json.dumps(line) + "\n" for line in lines))
