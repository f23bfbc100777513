"""Two artifacts of one stage side by side: what they were made from, and what became of masks, clusters and labels."""

from functools import partial
from pathlib import Path
from typing import Any

from maskdistill.data.catalog import LABELS, MASKS, open_masks
from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.compare.labels import diff_labels
from maskdistill.pipeline.apps.compare.masks import diff_clusters, diff_masks
from maskdistill.pipeline.artifacts import ArtifactStore
from maskdistill.pipeline.changes import changed_ingredients
from maskdistill.pipeline.integrity import check_sound
from maskdistill.pipeline.manifest import Manifest
from maskdistill.stages.progress import Progress


def diff_artifacts(store: ArtifactStore, first: Manifest, second: Manifest, progress: Progress) -> dict[str, Any]:
    """Compare two artifacts.

    Returns:
        `stage`, the keys `a` and `b`, `changes` (what they were made from, upstream included: name, a, b); and where
        the stage makes such things, `masks`, `clusters` and `labels` as the functions of that name describe them.

    Raises:
        InputError: They belong to different stages.
        MissingArtifact: The masks that clusters belong to have been deleted.
    """
    if first.stage != second.stage:
        raise InputError(f"diff: {first.stage}/{first.key} and {second.stage}/{second.key} are of different stages")
    found: dict[str, Any] = {"stage": first.stage, "a": first.key, "b": second.key}
    changes = changed_ingredients(first.ingredients, second.ingredients, partial(_ingredients, store))
    found["changes"] = [{"name": name, "a": a, "b": b} for name, (a, b) in changes.items()]
    if first.stage in MASKS:
        before, after = (open_masks(first.stage, _folders(store, manifest)) for manifest in (first, second))
        masks, pairs = diff_masks(before, after, progress)
        found["masks"] = masks
        if first.stage != "mine":
            found["clusters"] = diff_clusters(before.cluster[pairs[:, 0]], after.cluster[pairs[:, 1]])
    if first.stage in LABELS:
        maps = [LABELS[first.stage].open(_folders(store, manifest)) for manifest in (first, second)]
        found["labels"] = diff_labels(maps[0], maps[1], progress)
    return found


def _ingredients(store: ArtifactStore, stage: str, key: str) -> dict[str, Any] | None:
    manifest = store.manifest(stage, key)
    return manifest.ingredients if manifest else None


def _folders(store: ArtifactStore, manifest: Manifest) -> dict[str, Path]:
    """Folder of an artifact and of each of its inputs, all sound as far as they are there."""
    keys = {**manifest.ingredients["inputs"], manifest.stage: manifest.key}
    for stage, key in keys.items():
        if (found := store.manifest(stage, key)) is not None:
            check_sound(store.path(stage, key), found, "make it anew")
    return {stage: store.path(stage, key) for stage, key in keys.items()}
