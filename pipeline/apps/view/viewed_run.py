"""The run that the page shows: its images and what its stages have made so far, opened when first asked for."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.catalog import MASKS, stages_read
from maskdistill.data.config import ScenesConfig
from maskdistill.data.errors import InputError, MaskDistillError, MissingArtifact, UnreadableImage
from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.apps.output_names import NAME_OF, VIEWS
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.apps.view.folders import check_file, check_tree
from maskdistill.pipeline.apps.view.layers import Columns, LabelLayer, Layer, MaskLayer
from maskdistill.pipeline.apps.view.threshold import WhatIf
from maskdistill.pipeline.health import oddities
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.upkeep.status import collect_status
from maskdistill.stages.filter.confidence import resolve_threshold

if TYPE_CHECKING:  # torch and scikit-learn take seconds to import, and the first page does without
    from maskdistill.pipeline.apps.view.embedding_map import EmbeddingMap
    from maskdistill.pipeline.apps.view.heat import AffinityHeat


class NotThere(MaskDistillError):
    """A number that no image, mask or cluster has."""


class ViewedRun(Run):
    """A run, seen from outside: unless told to, it follows no link out of its folders."""

    def __init__(self, plan: Plan, *, follow_links: bool = False) -> None:
        super().__init__(plan, "the page")
        self._follow_links = follow_links

    def describe(self) -> dict[str, Any]:
        """What there is: images, stages with their state, and the settings that the page needs."""
        rows = collect_status(self.plan)
        arguments = self.plan.config_source.arguments()
        n_clusters = self.plan.n_clusters or 0
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
            "colours": ["#{:02x}{:02x}{:02x}".format(*cluster_colour(i)) for i in range(-1, n_clusters)],
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

    def embedding_map(self) -> "EmbeddingMap":
        """The embeddings in two dimensions. Raises MissingArtifact."""
        from maskdistill.pipeline.apps.view.embedding_map import project

        return self.keep("map", ("cluster",), lambda: project(self.clusters()))

    def what_if(self) -> WhatIf:
        """The filter with other thresholds. Raises MissingArtifact."""
        config = self.plan.config.filter
        return self.keep("what if", ("distill",), lambda: WhatIf(self.mask_layer("candidates"), config))

    def heat(self) -> "AffinityHeat":
        """The affinity of the patches. Raises InputError where the ViT is not to be had."""
        from maskdistill.pipeline.apps.view.heat import AffinityHeat

        needed = self.plan.stages["mine"].inputs
        return self.keep("heat", needed, lambda: AffinityHeat(self.plan))

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
