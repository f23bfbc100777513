"""The run that the page shows: its images and what its stages have made so far, opened when first asked for."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.catalog import CLUSTERS, LABELS, MASKS, open_masks, stages_read
from maskdistill.data.config import ScenesConfig
from maskdistill.data.errors import InputError, MaskDistillError, MissingArtifact, UnreadableImage
from maskdistill.data.sources.files import FileSource
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.apps.view.folders import check_file, check_tree
from maskdistill.pipeline.apps.view.layers import Columns, LabelLayer, Layer, MaskLayer
from maskdistill.pipeline.apps.view.threshold import WhatIf
from maskdistill.pipeline.artifacts import MANIFEST
from maskdistill.pipeline.dag import STAGES
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.upkeep.status import collect_status
from maskdistill.stages.filter.confidence import resolve_threshold

if TYPE_CHECKING:  # torch and scikit-learn take seconds to import, and the first page does without
    from maskdistill.pipeline.apps.view.embedding_map import EmbeddingMap
    from maskdistill.pipeline.apps.view.heat import AffinityHeat

T = TypeVar("T")
_STAGE_OF = {spec.shows: spec.name for spec in STAGES}
"""The stage that draws each layer."""


class NotThere(MaskDistillError):
    """A number that no image, mask or cluster has."""


class ViewedRun:
    """A plan, seen from outside.

    What has been opened is kept until the artifact is made anew; an artifact that appears later is found.
    """

    def __init__(self, plan: Plan, *, follow_links: bool = False) -> None:
        self.plan = plan
        self.source = plan.source
        self._follow_links = follow_links
        self._locks: dict[str, threading.Lock] = {}
        self._opened: dict[str, tuple[tuple[int, ...], Any]] = {}

    def describe(self) -> dict[str, Any]:
        """What there is: images, stages with their state, and the settings that the page needs."""
        rows = collect_status(self.plan)
        arguments = self.plan.config_source.arguments()
        n_clusters = self.plan.config.cluster.k
        shows = {spec.name: spec.shows for spec in self.plan.specs}
        stages = [
            {
                **{name: row[name] for name in ("stage", "key", "state", "why", "items", "unit", "made")},
                "layer": shows[row["stage"]],
            }
            for row in rows
        ]
        return {
            "title": ", ".join(path.stem for path in self.plan.config_source.paths),
            "arguments": arguments,
            "images": len(self.source),
            "train": self.source.n_train,
            "data": self.plan.data_fingerprint[:16],
            "stages": stages,
            "filter": {**self.plan.config.filter.model_dump(mode="json"), "threshold": self._threshold()},
            "clusters": n_clusters,
            "colours": ["#{:02x}{:02x}{:02x}".format(*cluster_colour(i)) for i in range(-1, n_clusters)],
        }

    def _threshold(self) -> float:
        """Where the slider starts: as configured, or what `auto` comes to, to three digits; 0 without candidates."""
        threshold = self.plan.config.filter.threshold
        if threshold != "auto":
            return threshold
        candidates = self.made_columns("candidates")
        return round(resolve_threshold(threshold, () if candidates is None else candidates.score), 3)

    def read(self, image: int) -> UInt8Array:
        """Pixels of an image. Raises NotThere, UnreadableImage, and LeavesFolder where its file is a link out."""
        check_number("image", image, len(self.source))
        config = self.plan.config.data
        if isinstance(self.source, FileSource) and not isinstance(config, ScenesConfig) and not self._follow_links:
            check_file(self.source.file(image), config.root)
        try:
            return self.source.read(image)
        except OSError as error:
            raise UnreadableImage(str(error)) from error

    def layer(self, name: str) -> Layer:
        """What a stage drew. Raises MissingArtifact with the command that makes it."""
        return self._open(f"layer {name}", stages_read(_STAGE_OF[name]), lambda: self._open_layer(_STAGE_OF[name]))

    def mask_layer(self, name: str) -> MaskLayer:
        """The same for a layer of masks. Raises InputError for one of label maps."""
        layer = self.layer(name)
        if not isinstance(layer, MaskLayer):
            raise InputError(f"{name}: these are label maps, not masks")
        return layer

    def made_columns(self, name: str) -> Columns | None:
        """The columns of a layer; None where it has not been made."""
        try:
            return self.layer(name).columns
        except MissingArtifact:
            return None

    def clusters(self) -> ClusterStore:
        """Embeddings, clusters and distances of the mined masks. Raises MissingArtifact."""
        return self._open("clusters", ("cluster",), lambda: CLUSTERS.open(self._folders(("cluster",))))

    def embedding_map(self) -> "EmbeddingMap":
        """The embeddings in two dimensions. Raises MissingArtifact."""
        from maskdistill.pipeline.apps.view.embedding_map import project

        return self._open("map", ("cluster",), lambda: project(self.clusters()))

    def what_if(self) -> WhatIf:
        """The filter with other thresholds. Raises MissingArtifact."""
        config = self.plan.config.filter
        return self._open("what if", ("distill",), lambda: WhatIf(self.mask_layer("candidates"), config))

    def heat(self) -> "AffinityHeat":
        """The affinity of the patches. Raises InputError where the ViT is not to be had."""
        from maskdistill.pipeline.apps.view.heat import AffinityHeat

        needed = self.plan.stages["mine"].inputs
        return self._open("heat", needed, lambda: AffinityHeat(self.plan))

    def layer_version(self, name: str) -> tuple[int, ...]:
        """Changes whenever what the layer is drawn from is made anew. Raises MissingArtifact."""
        return self._version(stages_read(_STAGE_OF[name]))

    def _version(self, stages: Sequence[str]) -> tuple[int, ...]:
        try:
            return tuple((self.plan.path(stage) / MANIFEST).stat().st_mtime_ns for stage in stages)
        except FileNotFoundError:
            for stage in stages:
                self.plan.require(stage, "the page")
            raise

    def _open(self, name: str, stages: Sequence[str], opener: Callable[[], T]) -> T:
        version = self._version(stages)
        with self._locks.setdefault(name, threading.Lock()):
            found = self._opened.get(name)
            if found is None or found[0] != version:
                found = self._opened[name] = (version, opener())
        opened: T = found[1]
        return opened

    def _open_layer(self, stage: str) -> Layer:
        folders = self._folders(stages_read(stage))
        if stage in MASKS:
            return MaskLayer(open_masks(stage, folders), self.source)
        return LabelLayer(LABELS[stage].open(folders), self.source)

    def _folders(self, stages: Sequence[str]) -> dict[str, Path]:
        """Folder of each stage's artifact. Raises MissingArtifact, or LeavesFolder for a link that leads out."""
        folders = {name: self.plan.require(name, "the page") for name in stages}
        if not self._follow_links:
            for store in (path for folder in folders.values() for path in folder.glob("*.zarr")):
                check_tree(store, self.plan.store.root)
        return folders


def check_number(what: str, number: int, count: int) -> None:
    """Raise NotThere unless a number is one of 0 to count - 1."""
    if not 0 <= number < count:
        raise NotThere(f"there is no {what} {number}; there are {count}, counted from 0")
