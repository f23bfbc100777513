"""What looks wrong in what a stage has made, such as masks of whole images.

It is counted once, for the manifest, and judged by the limits of `health` wherever it is shown.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maskdistill.data.catalog import CANDIDATES, CLUSTERS, KEPT, MINED, TRAINING_LOG, Folders
from maskdistill.pipeline.health_config import HealthConfig

if TYPE_CHECKING:  # zarr takes a while to import, and a command that finds all work done needs none
    from maskdistill.data.stores.masks import MaskStore

Counts = dict[str, tuple[float, float]]
"""How many of how many, by what is counted; the name is that of the limit."""
_MASKS = {output.stage: output for output in (MINED, CANDIDATES, KEPT)}
_ENDS = 10
"""A tenth of a training at either end says where its loss began and ended."""
_FEWEST_STEPS = 20
_TEXTS = {
    "large": "{n:,.0f} of {of:,.0f} masks cover most of their image",
    "small": "{n:,.0f} of {of:,.0f} masks are specks",
    "on_border": "{n:,.0f} of {of:,.0f} masks touch the border of their image",
    "without_mask": "{n:,.0f} of {of:,.0f} images have no mask",
    "uniform": "{n:,.0f} of {of:,.0f} images are of one colour throughout",
    "empty_clusters": "{n:,.0f} of {of:,.0f} clusters have no mask",
    "giant_cluster": "one cluster holds {n:,.0f} of {of:,.0f} masks",
    "below_threshold": "{n:,.0f} of {of:,.0f} candidates lie below the threshold",
    "loss_left": "the loss has not fallen: from {of:.3g} to {n:.3g}",
}


def count_oddities(stage: str, folders: Folders, metrics: Mapping[str, Any], limits: HealthConfig) -> Counts:
    """What may look wrong in the result of a stage, wrong or not.

    Args:
        stage: The stage that has just run.
        folders: The folder of its artifact and those of the artifacts that it read, by stage.
        metrics: What it reported.
        limits: What is a large mask, and what a small one.
    """
    counts = _of_losses(folders[stage] / TRAINING_LOG)
    masks = _MASKS.get(stage)
    if stage == CLUSTERS.stage and CLUSTERS.path(folders).exists():
        counts |= _of_clusters(folders)
    elif masks is not None and masks.path(folders).exists():
        counts |= _of_masks(masks.open(folders), limits)
        if stage == MINED.stage:
            counts["uniform"] = (_uniform(metrics), counts["without_mask"][1])
        if stage == KEPT.stage and CANDIDATES.stage in folders:
            candidates, kept = len(CANDIDATES.open(folders)), len(masks.open(folders))
            counts["below_threshold"] = (max(0, candidates - kept), candidates)
    return counts


def oddities(counts: Mapping[str, tuple[float, float]], limits: HealthConfig) -> Iterator[str]:
    """What looks wrong, a sentence each."""
    for name, (n, of) in counts.items():
        if name in _TEXTS and of and n / of > getattr(limits, name):
            yield _TEXTS[name].format(n=n, of=of)


def _of_masks(masks: "MaskStore", limits: HealthConfig) -> Counts:
    share, images = masks.area_share, len(masks.image_ids)
    left, top, width, height = masks.bbox_xywh.T
    touching = (left <= 0) | (top <= 0) | (top + height >= masks.size_hw[:, 0]) | (left + width >= masks.size_hw[:, 1])
    return {
        "large": (int((share >= limits.large_mask).sum()), len(masks)),
        "small": (int((share < limits.small_mask).sum()), len(masks)),
        "on_border": (int(touching.sum()), len(masks)),
        "without_mask": (images - len(np.unique(masks.image)), images),
    }


def _of_clusters(folders: Folders) -> Counts:
    store = CLUSTERS.open(folders)
    sizes = np.bincount(store.cluster[store.cluster >= 0], minlength=len(store.centroids))
    return {
        "empty_clusters": (int((sizes == 0).sum()), len(sizes)),
        "giant_cluster": (int(sizes.max(initial=0)), int(sizes.sum())),
    }


def _of_losses(log: Path) -> Counts:
    """Mean loss of the end of a training and of its beginning; nothing of a short one."""
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
    losses = [float(line["loss"]) for line in lines if "loss" in line]
    if len(losses) < _FEWEST_STEPS:
        return {}
    part = len(losses) // _ENDS
    return {"loss_left": (float(np.mean(losses[-part:])), float(np.mean(losses[:part])))}


def _uniform(metrics: Mapping[str, Any]) -> int:
    from maskdistill.stages.mine.stage import UNIFORM  # torch, which has been imported where it has just run

    return int(metrics.get("remarks", {}).get(UNIFORM, 0))
