"""The results of a run: its scores, masks and label maps, each opened once."""

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from maskdistill.data.catalog import (
    CLUSTERS,
    LABELS,
    MASKS,
    PREDICTIONS,
    PREDICTIONS_CRF,
    Folders,
    open_masks,
    stages_read,
)
from maskdistill.data.errors import InputError
from maskdistill.data.naming import ClusterNames, cluster_name
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.labels import LabelStore
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline import readers
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.evaluation import evaluate_stage
from maskdistill.pipeline.finished import FinishedPlan
from maskdistill.pipeline.manifest import MANIFEST, Manifest, read_manifest
from maskdistill.pipeline.plan import Plan

T = TypeVar("T")


class Run:
    """The results of a run, finished or not.

        run = Run.open("demo")
        run.masks("mine")           # a MaskStore: what was mined, one row per mask
        run.labels("segment")       # a LabelStore: the final model's prediction for every pixel
        run.scores("segment")["val"]["miou"]

    Everything is opened when it is first asked for, and kept until its artifact is made anew; what is finished later
    is found. Safe for threads. What has not been made yet raises MissingArtifact with the command that makes it, what
    is damaged raises CorruptArtifact.

    Attributes:
        plan: The configuration and its artifacts.
    """

    def __init__(self, plan: Plan, needed_by: str = "Run", console: Console | None = None) -> None:
        """The run of a plan.

        Args:
            plan: The configuration and its artifacts.
            needed_by: Who asks, for the texts of errors.
            console: Where the progress of a first evaluation is shown; None = on stderr.
        """
        self.plan = plan
        self.console = console or Console(stderr=True)
        self._needed_by = needed_by
        self._locks: dict[str, threading.Lock] = {}
        self._read: set[Path] = set()
        self._kept: dict[str, tuple[tuple[int, ...], Any]] = {}

    @classmethod
    def open(
        cls, config: str | Path | Sequence[str | Path] = "demo", overrides: Mapping[str, Any] | None = None
    ) -> "Run":
        """The run of a configuration; where its images have changed since, the last one with these settings, with a
        warning.

        Args:
            config: YAML files, or names of experiments that come with the package, as `-c` takes them; of several, a
                later one changes settings of an earlier one.
            overrides: Settings to change in the end, for example {"cluster.k": 20}.

        Raises:
            InputError: The configuration or its data cannot be used.
        """
        return cls(FinishedPlan(ConfigSource.of(config, overrides)))

    @property
    def source(self) -> ImageSource:
        """The images."""
        return self.plan.source

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that a whole run consists of, in order, made or not."""
        return tuple(spec.name for spec in self.plan.specs)

    @property
    def cluster_names(self) -> ClusterNames:
        """What people call the clusters, by number; those that have been given no name are not there."""
        return self.plan.edits.clusters.names

    def name_of(self, cluster: int) -> str:
        """What a cluster is called: the name that people gave it, or "cluster" and its number."""
        return cluster_name(cluster, self.cluster_names)

    def has(self, *stages: str) -> bool:
        """Whether all of these stages are finished."""
        return all(self.manifest(stage) for stage in stages)

    def manifest(self, stage: str) -> Manifest | None:
        """What a stage made, from what, when and with which software; None where it is not finished."""
        folder = self.plan.path(stage)
        if not (folder / MANIFEST).exists():
            return None
        return self.keep(f"manifest {stage}", (stage,), lambda: read_manifest(folder))

    @property
    def manifests(self) -> dict[str, Manifest]:
        """The manifests of the finished stages by name, in order."""
        return {stage: manifest for stage in self.stages if (manifest := self.manifest(stage))}

    def folder(self, stage: str) -> Path:
        """Where a finished stage's artifact lies; nobody deletes or replaces it for as long as this Run is there.

        Raises:
            MissingArtifact: It is not finished; the text holds the command that makes it.
            CorruptArtifact: It is damaged.
        """
        file = self.plan.store.readers_file(stage, self.plan.stages[stage].key)
        if file not in self._read and readers.hold(file):
            self._read.add(file)
            weakref.finalize(self, readers.release, file)
        return self.plan.require(stage, self._needed_by)

    def masks(self, stage: str) -> MaskStore:
        """The masks of `mine`, `cluster` (the mined ones with their clusters), `distill` (the candidates) or `filter`.

        Raises:
            InputError: Another stage, which leaves no masks.
            MissingArtifact: The stage is not finished.
            CorruptArtifact: The store is damaged, or masks and clusters do not go together.
        """
        if stage not in MASKS:
            raise InputError(f"{stage} leaves no masks; {', '.join(MASKS)} do")
        needed = stages_read(stage)
        return self.keep(f"masks {stage}", needed, lambda: open_masks(stage, self._folders(needed)))

    def labels(self, stage: str) -> LabelStore:
        """The label maps of `filter` (pseudo-labels), `segment` (predictions) or `correspond`: cluster c is c + 1.

        Those of `segment` are the ones after the CRF, where `segment.crf.predictions` asks for it.

        Raises:
            InputError: Another stage, which leaves no label maps.
            MissingArtifact: The stage is not finished.
            CorruptArtifact: The store is damaged.
        """
        if stage not in LABELS:
            raise InputError(f"{stage} leaves no label maps; {', '.join(LABELS)} do")
        file = PREDICTIONS_CRF if stage == PREDICTIONS_CRF.stage and self._has_crf() else LABELS[stage]
        return self.keep(f"labels {stage}", (stage,), lambda: file.open(self._folders((stage,))))

    def labels_before_crf(self) -> LabelStore | None:
        """The predictions before the CRF; None where there is no CRF. Raises as `labels` does."""
        if not self._has_crf():
            return None
        stages = (PREDICTIONS.stage,)
        return self.keep("labels before CRF", stages, lambda: PREDICTIONS.open(self._folders(stages)))

    def _has_crf(self) -> bool:
        return PREDICTIONS_CRF.path(self._folders((PREDICTIONS_CRF.stage,))).exists()

    def clusters(self) -> ClusterStore:
        """Embedding, cluster and distance to its centroid of each mined mask. Raises as `masks` does."""
        stages = (CLUSTERS.stage,)
        return self.keep("clusters", stages, lambda: CLUSTERS.open(self._folders(stages)))

    def scores(self, stage: str) -> dict[str, dict[str, Any]]:
        """Metrics of a stage by split ("train", "val") and name, computed where they have not been yet.

        {} where the stage, or one that it depends on, is not finished, and where there is no ground truth.
        """
        upstream = self.plan.upstream(stage)
        if not self.has(*upstream):
            return {}
        found = self.keep(f"scores {stage}", upstream, lambda: evaluate_stage(self.plan, stage, self.console))
        return {split: metrics for split, metrics in found.items() if isinstance(metrics, dict)}

    def keep(self, name: str, stages: Sequence[str], make: Callable[[], T]) -> T:
        """What `make` gives, called once and again only after one of these stages has been made anew.

        Raises:
            MissingArtifact: One of the stages is not finished.
        """
        version = self.version(*stages)
        with self._locks.setdefault(name, threading.Lock()):
            found = self._kept.get(name)
            if found is None or found[0] != version:
                found = self._kept[name] = (version, make())
        kept: T = found[1]
        return kept

    def version(self, *stages: str) -> tuple[int, ...]:
        """Changes whenever one of these stages is made anew. Raises MissingArtifact where one is not finished."""
        try:
            return tuple((self.plan.path(stage) / MANIFEST).stat().st_mtime_ns for stage in stages)
        except FileNotFoundError:
            for stage in stages:
                self.folder(stage)
            raise

    def _folders(self, stages: Sequence[str]) -> Folders:
        return {stage: self.folder(stage) for stage in stages}
