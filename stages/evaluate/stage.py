"""Scores of any stage's artifact against ground truth: the only code that may read labels."""

from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from maskdistill.data.catalog import CLUSTERS, CURATED_BY
from maskdistill.data.edits import read_edits
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.clusters import read_k
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.evaluate.config import EvaluateConfig
from maskdistill.stages.evaluate.metrics import METRICS, NO_TRUTH, has_metric
from maskdistill.stages.evaluate.objects import ObjectScores
from maskdistill.stages.evaluate.pixels import PixelScores
from maskdistill.stages.evaluate.predictions import Maps, predicted_maps, predicted_masks, refined_maps
from maskdistill.stages.evaluate.truth import Truth
from maskdistill.stages.progress import Progress


def evaluate(
    config: EvaluateConfig, stage: str, source: ImageSource, artifacts: Mapping[str, Path], progress: Progress
) -> dict[str, Any]:
    """Score one stage on each split that has ground truth.

    Memory does not grow with the pixels: counts of a whole split, and about two kilobytes for each image.

    Args:
        config: Which classes count.
        stage: "correspond", "mine", "cluster", "distill", "filter" or "segment".
        source: The images and their ground truth.
        artifacts: Folder of the stage's artifact by stage name; `cluster` needs the one of `mine` too.
        progress: Told about every image.

    Returns:
        {"train": metrics, "val": metrics}, without a split that has no ground truth; {"status": "no ground truth"}
        where neither has. The metrics of each stage, their names and meanings are those of `METRICS`; metrics that
        need boxes or objects are left out where there are none, `miou_majority` where there are not more clusters than
        classes, and those with `_crf` where there are no predictions after the CRF. Images that the artifact lacks
        count as all background, but for those that were excluded by hand: they are not scored. Numbers are finite
        floats.

    Raises:
        InputError: An unknown stage or class, or a prediction whose size is not that of its ground truth.
    """
    truth = Truth(config, source)
    k = read_k(CLUSTERS.path(artifacts)) if stage != "mine" and "cluster" in artifacts else None
    progress.start(f"evaluate {stage}", len(source), "images")
    maps, masks = predicted_maps(stage, artifacts), predicted_masks(stage, artifacts)
    excluded = read_edits(CURATED_BY.path(artifacts)).images.excluded if CURATED_BY.stage in artifacts else ()
    scored = set(source.ids).difference(excluded)
    metrics = _score(source, scored, maps, lambda: _SplitScores(stage, truth, k, masks), progress)
    refined = refined_maps(artifacts) if stage == "segment" else None
    if metrics and refined is not None:
        progress.start("evaluate with CRF", len(source), "images")
        for split, found in _score(
            source, scored, refined, lambda: _SplitScores(stage, truth, k, None), progress
        ).items():
            metrics[split] |= {f"{name}_crf": found[name] for name in found if f"{name}_crf" in METRICS}
    return metrics or NO_TRUTH


def _score(
    source: ImageSource,
    scored: Container[str],
    maps: Maps,
    new_scores: "Callable[[], _SplitScores]",
    progress: Progress,
) -> dict[str, dict[str, Any]]:
    """Metrics of each split that has ground truth, over those of its images that are scored."""
    metrics = {}
    for split, items in {"train": range(source.n_train), "val": range(source.n_train, len(source))}.items():
        scores = new_scores()
        for i in items:
            if source.ids[i] in scored:
                scores.update(i, source.ids[i], maps)
            progress.advance()
        if found := scores.metrics():
            metrics[split] = found
    return metrics


class _SplitScores:
    """All scores of one stage on one split."""

    def __init__(self, stage: str, truth: Truth, k: int | None, masks: MaskStore | None) -> None:
        self._stage = stage
        self._truth = truth
        self._pixels = PixelScores(
            truth.class_names, k, with_boundary=has_metric(stage, "boundary_iou"), matching=truth.matching
        )
        self._objects = None if masks is None else ObjectScores(masks, len(truth.class_names))

    def update(self, index: int, image_id: str, maps: Maps) -> None:
        """Score an image with whatever ground truth it has."""
        labels = self._truth.labels(index)
        try:
            if labels is not None:
                prediction = maps(image_id)
                self._pixels.update(image_id, labels, np.zeros_like(labels) if prediction is None else prediction)
            if self._objects is not None:
                self._objects.update(image_id, labels, self._truth.objects(index), self._truth.boxes(index))
        except ValueError as error:
            raise InputError(f"{image_id}: ground truth and prediction do not fit each other: {error}") from error

    def metrics(self) -> dict[str, Any]:
        """The metrics that belong to the stage, in the order of `METRICS`."""
        found = self._pixels.metrics()
        if self._objects is not None:
            matching = self._pixels.matching() if found and has_metric(self._stage, "miou") else None
            found |= self._objects.metrics(matching)
        return {name: found[name] for name in METRICS if name in found and has_metric(self._stage, name)}
