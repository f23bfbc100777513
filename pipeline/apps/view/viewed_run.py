"""The run that the page shows: its images and what its stages have made so far, opened when first asked for."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.catalog import MASKS, stages_read
from maskdistill.data.config import ScenesConfig
from maskdistill.data.errors import InputError, MaskDistillError, MissingArtifact, UnreadableImage, about
from maskdistill.data.hashes import hash_text
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.apps.curate.journal import Journal
from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.apps.output_names import NAME_OF, VIEWS
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.apps.view.folders import check_file, check_tree
from maskdistill.pipeline.apps.view.layers import Columns, LabelLayer, Layer, MaskLayer
from maskdistill.pipeline.apps.view.threshold import WhatIf
from maskdistill.pipeline.health import oddities
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.upkeep.status import collect_status
from maskdistill.stages.curate.apply import group_of, regroup
from maskdistill.stages.filter.confidence import resolve_threshold

if TYPE_CHECKING:  # torch and scikit-learn take seconds to import, and the first page does without
    from maskdistill.pipeline.apps.view.embedding_map import EmbeddingMap
    from maskdistill.pipeline.apps.view.heat import AffinityHeat


class NotThere(MaskDistillError):
    """A number that no image, mask or cluster has."""


class ViewedRun(Run):
    """A run, seen from outside: unless told to, it follows no link out of its folders.

    Args:
        plan: The configuration and its artifacts.
        follow_links: Whether it does.
        edit: Whether masks and clusters may be changed.

    Attributes:
        journal: What was changed by hand. Clusters are shown as it has them; masks that are excluded stay.
    """

    def __init__(self, plan: Plan, *, follow_links: bool = False, edit: bool = False) -> None:
        super().__init__(plan, "the page")
        self._follow_links = follow_links
        self.journal = Journal(plan.edits_file, write=edit)

    def describe(self) -> dict[str, Any]:
        """What there is: images, stages with their state, and the settings that the page needs."""
        rows = collect_status(self.plan)
        arguments = self.plan.config_source.arguments()
        n_clusters = self.n_clusters
        stages = [
            {
                **{name: row[name] for name in ("stage", "key", "state", "why", "items", "unit", "made")},
                "layer": NAME_OF.get(row["stage"], ""),
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
            "health": [
                f"{stage}: {odd}"
                for stage, manifest in self.manifests.items()
                for odd in oddities(manifest.health, self.plan.config.health)
            ],
            "filter": {**self.plan.config.filter.model_dump(mode="json"), "threshold": self._threshold()},
            "clusters": n_clusters,
            "classes": list(self.source.class_names or ()) if self.plan.labels_fingerprint else [],
            "names": self.journal.edits.clusters.names,
            "groups": group_of(self.journal.edits.clusters, n_clusters),
            "edited": self._grouping(),
            "colours": ["#{:02x}{:02x}{:02x}".format(*cluster_colour(i)) for i in range(-1, max(n_clusters, 64))],
        }

    def _threshold(self) -> float:
        """Where the slider starts: as configured, or what `auto` comes to, to three digits; 0 without candidates."""
        threshold = self.plan.config.filter.threshold
        if threshold != "auto":
            return threshold
        return round(resolve_threshold(threshold, self.masks("distill").score), 3) if self.has("distill") else 0.0

    def read(self, image: int) -> UInt8Array:
        """Pixels of an image. Raises NotThere, UnreadableImage, and LeavesFolder where its file is a link out."""
        check_number("image", image, len(self.source))
        config = self.plan.config.data
        file = self.source.file(image)
        if file is not None and not isinstance(config, ScenesConfig) and not self._follow_links:
            check_file(file, config.root)
        try:
            return self.source.read(image)
        except OSError as error:
            raise UnreadableImage(str(error)) from error

    def folder(self, stage: str) -> Path:
        """Where a finished stage's artifact lies. Raises MissingArtifact, or LeavesFolder for a link that leads out."""
        folder = super().folder(stage)
        if not self._follow_links:
            for store in folder.glob("*.zarr"):
                check_tree(store, self.plan.store.root)
        return folder

    def layer(self, name: str) -> Layer:
        """What a stage drew. Raises MissingArtifact with the command that makes it."""
        stage = VIEWS[name]
        return self.keep(f"layer {name}", stages_read(stage), lambda: self._open_layer(stage))

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

    def embedding_map(self, layout: str = "pca") -> "EmbeddingMap | None":
        """The embeddings in two dimensions; None while they are computed in the background. Raises MissingArtifact."""
        from maskdistill.pipeline.apps.view.embedding_map import project
        from maskdistill.pipeline.apps.view.layouts import LAYOUTS, BackgroundLayout

        # Splits and merges leave the embeddings as they are.
        stages, store = ("mine",), self.stored_clusters()
        if layout == "pca":
            return self.keep("map", stages, lambda: project(store))
        return self.keep(f"map {layout}", stages, lambda: BackgroundLayout(store, LAYOUTS[layout])).result()

    def what_if(self) -> WhatIf:
        """The filter with other thresholds. Raises MissingArtifact."""
        config = self.plan.config.filter
        return self.keep("what if", ("distill",), lambda: WhatIf(self.mask_layer("candidates"), config))

    def heat(self) -> "AffinityHeat":
        """The affinity of the patches. Raises InputError where the ViT is not to be had."""
        from maskdistill.pipeline.apps.view.heat import AffinityHeat

        needed = self.plan.stages["mine"].inputs
        return self.keep("heat", needed, lambda: AffinityHeat(self.plan))

    @property
    def n_clusters(self) -> int:
        """How many there are now; 0 where that is not known yet."""
        made = self.plan.n_clusters
        return 0 if made is None else made + self.journal.edits.clusters.added - self.plan.edits.clusters.added

    def clusters(self) -> ClusterStore:
        """The clusters as they were changed by hand. Raises as `masks` does."""
        return self.keep("edited clusters", ("cluster",), self._regroup)

    def masks(self, stage: str) -> MaskStore:
        """The masks of a stage; those of `cluster` with these clusters."""
        masks = super().masks(stage)
        return masks.with_columns(cluster=self.clusters().cluster) if stage == "cluster" else masks

    def version(self, *stages: str) -> tuple[int, ...]:
        """Changes whenever one of these stages is made anew, and that of `cluster` when it is changed by hand."""
        edited = (self._grouping(),) if "cluster" in stages else ()
        return (*super().version(*stages), *edited)

    def stored_clusters(self) -> ClusterStore:
        """The clusters as the stage made them. Raises as `masks` does."""
        return super().clusters()

    def _regroup(self) -> ClusterStore:
        with about(str(self.journal.path)):
            return regroup(self.stored_clusters(), self.journal.edits.clusters)

    def _grouping(self) -> int:
        """Another number for other splits and merges."""
        clusters = self.journal.edits.clusters
        return int(hash_text(json.dumps([[str(one) for one in clusters.split], clusters.merged]))[:12], 16)

    def layer_version(self, name: str) -> tuple[int, ...]:
        """Changes whenever what the layer is drawn from is made anew. Raises MissingArtifact."""
        return self.version(*stages_read(VIEWS[name]))

    def _open_layer(self, stage: str) -> Layer:
        if stage in MASKS:
            return MaskLayer(self.masks(stage), self.source)
        return LabelLayer(self.labels(stage), self.source)


def check_number(what: str, number: int, count: int) -> None:
    """Raise NotThere unless a number is one of 0 to count - 1."""
    if not 0 <= number < count:
        raise NotThere(f"there is no {what} {number}; there are {count}, counted from 0")
