"""What is known of a run: its plan, manifests, scores and masks, each read once, and what to say of what is missing."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from maskdistill.data.catalog import CANDIDATES, CLUSTERS, KEPT, PREDICTIONS, PREDICTIONS_CRF, PSEUDO_LABELS, open_masks
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.labels import LabelStore
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.apps.report.blocks import Note
from maskdistill.pipeline.artifacts import Manifest
from maskdistill.pipeline.dag import STAGE_NAMES
from maskdistill.pipeline.evaluation import evaluate_stage
from maskdistill.pipeline.plan import Plan
from maskdistill.stages.evaluate.truth import Truth
from maskdistill.stages.filter.confidence import resolve_threshold
from maskdistill.stages.training.logs import LOG

FINAL = STAGE_NAMES[-1]


class RunRecord:
    """A run as the report sees it, finished or not.

    Attributes:
        plan: The configuration and its artifacts.
        console: Where progress of a first evaluation is shown.
        manifests: Manifest of each stage that is finished.
    """

    def __init__(self, plan: Plan, console: Console) -> None:
        self.plan, self.console = plan, console
        found = {spec.name: plan.manifest(spec.name) for spec in plan.specs}
        self.manifests: dict[str, Manifest] = {name: manifest for name, manifest in found.items() if manifest}
        self._scores: dict[str, dict[str, Any]] = {}

    @property
    def source(self) -> ImageSource:
        """The images."""
        return self.plan.source

    @cached_property
    def split(self) -> str:
        """The images that are shown: "val" where there are scored ones or nothing is scored, else "train"."""
        scored = {split for stage in self.manifests for split in self.scores(stage)}
        available = scored or ({"val"} if self.source.n_train < len(self.source) else {"train"})
        return "val" if "val" in available else "train"

    @property
    def split_name(self) -> str:
        """What those images are called."""
        return "validation images" if self.split == "val" else "training images"

    @property
    def shown_images(self) -> range:
        """Indices of those images."""
        return range(self.source.n_train, len(self.source)) if self.split == "val" else range(self.source.n_train)

    @property
    def planned(self) -> tuple[str, ...]:
        """The stages that a whole run consists of."""
        return tuple(spec.name for spec in self.plan.specs)

    def has(self, *stages: str) -> bool:
        """Whether these stages are finished."""
        return all(stage in self.manifests for stage in stages)

    def missing(self, *stages: str) -> list[Note]:
        """What to say in place of what those of these stages would give that a run needs and that are not finished."""
        waiting = [stage for stage in self.planned if stage in stages and not self.has(stage)]
        if not waiting:
            return []
        command = f"maskdistill run {self.plan.config_source.arguments()} --to {waiting[-1]}"
        return [Note(f"Not finished: {', '.join(waiting)}. Make what is missing with:", command)]

    def scores(self, stage: str) -> dict[str, dict[str, Any]]:
        """Figures of a stage by split; {} where it or a stage before it is not finished, or without ground truth."""
        if not self.has(*self.plan.upstream(stage)):
            return {}
        if stage not in self._scores:
            found = evaluate_stage(self.plan, stage, self.console)
            self._scores[stage] = {split: figures for split, figures in found.items() if isinstance(figures, dict)}
        return self._scores[stage]

    def figures(self, stage: str) -> dict[str, Any]:
        """Figures of a stage on the split that is shown; {} without."""
        return self.scores(stage).get(self.split, {})

    @property
    def has_truth(self) -> bool:
        """Whether some finished stage could be scored on the split that is shown."""
        return any(self.figures(stage) for stage in self.manifests)

    @cached_property
    def truth(self) -> Truth:
        """The ground truth as it is scored."""
        return Truth(self.plan.config.evaluate, self.source)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, background first; empty without ground truth."""
        return self.truth.class_names

    @property
    def folders(self) -> dict[str, Path]:
        """Folder of each finished stage's artifact."""
        return {stage: self.plan.path(stage) for stage in self.manifests}

    @cached_property
    def mined(self) -> MaskStore:
        """The mined masks, with their clusters where those are there."""
        return open_masks("cluster" if self.has("cluster") else "mine", self.folders)

    @cached_property
    def clusters(self) -> ClusterStore:
        """Clusters of the mined masks."""
        return CLUSTERS.open(self.folders)

    @cached_property
    def candidates(self) -> MaskStore:
        """The detector's candidates."""
        return CANDIDATES.open(self.folders)

    @cached_property
    def kept(self) -> MaskStore:
        """The masks of the pseudo-labels."""
        return KEPT.open(self.folders)

    @cached_property
    def pseudo_labels(self) -> LabelStore:
        """The pseudo-labels."""
        return PSEUDO_LABELS.open(self.folders)

    @cached_property
    def predictions(self) -> LabelStore:
        """The final model's predictions."""
        return PREDICTIONS.open(self.folders)

    @cached_property
    def predictions_crf(self) -> LabelStore | None:
        """The same after the CRF; None where none was asked for."""
        made = PREDICTIONS_CRF.path(self.folders).exists()
        return PREDICTIONS_CRF.open(self.folders) if made else None

    @property
    def threshold(self) -> float | None:
        """Score from which masks are kept; None where all of them are."""
        section = self.plan.config.filter
        return None if "threshold" in section.unused() else resolve_threshold(section.threshold, self.candidates.score)

    def losses(self, stage: str) -> dict[str, dict[str, NDArray[np.float64]]]:
        """Columns of the training logs of a finished stage, by the folder that each lies in."""
        folder = self.plan.path(stage)
        logs = sorted(folder.rglob(LOG)) if self.has(stage) else []
        return {log.parent.relative_to(folder).as_posix(): _read_columns(log) for log in logs}


def _read_columns(log: Path) -> dict[str, NDArray[np.float64]]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    names = [name for name in lines[0] if all(name in line for line in lines)] if lines else []
    return {name: np.asarray([line[name] for line in lines], dtype=float) for name in names}
