"""The filter stage: scored masks in, pseudo-masks and pseudo-label maps out."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.catalog import KEPT, PSEUDO_LABELS, open_masks
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.labels import LabelStore, merge_label_parts, paint, write_labels
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder, merge_parts
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.filter.confidence import resolve_threshold, select
from maskdistill.stages.filter.config import FilterConfig
from maskdistill.stages.filter.edges import follow_edges
from maskdistill.stages.filter.overlap import RULES
from maskdistill.stages.known_images import read_known
from maskdistill.stages.parts import Advance, PartReport, compute_parts
from maskdistill.stages.progress import Progress

MAX_CLUSTERS = 254
"""Label maps are uint8; 0 is background and 255 is ignored."""


def run(config: FilterConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    """Keep confident masks and paint them (section 4 of the paper).

    Reads `distill/candidates.zarr`, or for the initial masks `mine/masks.zarr` and `cluster/clusters.zarr`; writes
    `masks.zarr` (MaskStore of the kept masks, disjoint in each image) and `labels.zarr` (LabelStore of all images that
    were read; cluster c is c + 1).

    Raises:
        InputError: More clusters than fit in a label map.
        CorruptArtifact: Masks and clusters do not go together.
        MaskDistillError: An image changed since it was mined.
    """
    candidates = read_candidates(config, inputs.artifacts)
    _check_clusters(candidates)
    confident = select_candidates(candidates, config)
    n_images = len(candidates.image_ids)
    progress.start("filter", n_images, "images")
    parts = compute_parts(
        PaintJob(config, inputs),
        workdir / "parts",
        n_images,
        inputs.execution.part_size,
        inputs.engine,
        progress.advance,
    ).folders
    masks = merge_parts([part / KEPT.file for part in parts], workdir / KEPT.file)
    labels = merge_label_parts([part / PSEUDO_LABELS.file for part in parts], workdir / PSEUDO_LABELS.file)
    shutil.rmtree(workdir / "parts", ignore_errors=True)
    metrics = {"threshold": threshold_of(candidates, config), **describe(candidates, confident, masks, labels)}
    return StageOutputs(items=len(masks), unit="masks", metrics=metrics)


def read_candidates(config: FilterConfig, artifacts: Mapping[str, Path]) -> MaskStore:
    """The masks to choose from, each with its cluster: those of the detector, or the mined ones."""
    return open_masks("cluster" if config.masks == "initial" else "distill", artifacts)


def select_candidates(candidates: MaskStore, config: FilterConfig) -> MaskStore:
    """Those candidates that the settings keep, in the order in which they were."""
    threshold = threshold_of(candidates, config)
    return candidates.select(select(candidates.score, candidates.image, threshold, config.max_per_image))


def threshold_of(candidates: MaskStore, config: FilterConfig) -> float:
    """The lowest score that is kept; 0 where all masks are."""
    return resolve_threshold(config.threshold, candidates.score) if config.masks == "confident" else 0.0


@dataclass(frozen=True)
class PaintJob:
    """Painting the confident masks of some images."""

    config: FilterConfig
    inputs: StageInputs

    def open(self) -> "PaintWorker":
        """Choose the confident masks."""
        confident = select_candidates(read_candidates(self.config, self.inputs.artifacts), self.config)
        return PaintWorker(confident, self.inputs.source, self.config)


@dataclass(frozen=True, eq=False)
class PaintWorker:
    """The confident masks of all images, and the images."""

    confident: MaskStore
    source: ImageSource
    config: FilterConfig

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Write the masks and label maps of some images."""
        builder, maps = MaskStoreBuilder(), []
        for image in items:
            image_id = self.confident.image_ids[image]
            masks, rows = resolve_overlap(self.confident, self.confident.rows_of(image), self.config.overlap)
            if self.config.crf.masks:
                pixels = read_known(self.source, image_id, masks.shape[1:] if len(masks) else None)
                masks = follow_edges(masks, pixels, self.config.crf)
            clusters = self.confident.cluster[rows]
            builder.add(image_id, masks, self.confident.score[rows], clusters)
            size_hw = masks.shape[1:] if len(masks) else read_known(self.source, image_id).shape[:2]
            maps.append((image_id, paint(masks, clusters + 1, (size_hw[0], size_hw[1]))))
            advance(1)
        builder.build().save(folder / KEPT.file)
        write_labels(folder / PSEUDO_LABELS.file, maps)
        return PartReport(len(items))


def resolve_overlap(
    store: MaskStore, rows: Sequence[int], rule: Literal["drop", "occlude"]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """What the overlap rule leaves of some masks of one image.

    Args:
        store: Holds the masks.
        rows: The n masks, as rows of the store; of equal scores the earlier one comes first.
        rule: See `FilterConfig.overlap`.

    Returns:
        The masks, bool (n, H, W), the most confident first, empty where nothing is left of one; and the row of each,
        int64 (n,). Without rows (0, 0, 0) and (0,).
    """
    if not len(rows):
        return np.zeros((0, 0, 0), dtype=bool), np.zeros(0, dtype=np.int64)
    given = np.asarray(rows, dtype=np.int64)
    ranked = given[np.argsort(-store.score[given], kind="stable")]
    windows = [store.window(row) for row in ranked.tolist()]
    return RULES[rule](store.decode_rows(ranked.tolist()), windows), ranked


def describe(candidates: MaskStore, confident: MaskStore, masks: MaskStore, labels: LabelStore) -> dict[str, Any]:
    """Metrics that need no ground truth; shares are of 1."""
    n_pixels = int(labels.size_hw.astype(np.int64).prod(axis=1).sum())
    return {
        "candidates": len(candidates),
        "confident": len(confident),
        "kept": len(masks),
        "share_kept": len(masks) / max(1, len(candidates)),
        "coverage": int(masks.area.astype(np.int64).sum()) / max(1, n_pixels),
        "kept_per_cluster": np.bincount(masks.cluster, minlength=0).tolist(),
    }


def _check_clusters(candidates: MaskStore) -> None:
    if len(candidates) and not (candidates.cluster.min() >= 0 and candidates.cluster.max() < MAX_CLUSTERS):
        raise InputError(
            f"candidates have clusters {candidates.cluster.min()} to {candidates.cluster.max()}; label maps hold "
            f"0 to {MAX_CLUSTERS - 1}: lower cluster.k to at most {MAX_CLUSTERS}"
        )
