"""What `maskdistill inspect` shows of each stage's output: figures for a table, and a picture of one image."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.catalog import CLUSTERS, LABELS, MASKS, open_masks, stages_read
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.labels import LabelStore
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.apps.drawing.cells import save_png
from maskdistill.pipeline.apps.drawing.overlay import draw_labels, draw_masks
from maskdistill.pipeline.apps.inspect.histogram import Histogram
from maskdistill.pipeline.apps.inspect.statistics import Figures, label_figures, mask_figures, quantiles
from maskdistill.pipeline.dag import STAGES
from maskdistill.pipeline.plan import Plan

VIEWS = {spec.shows: spec.name for spec in STAGES}


@dataclass(frozen=True)
class View:
    """The output of one stage: its name (a key of VIEWS) and the folders of the artifacts it is drawn from."""

    name: str
    folders: dict[str, Path]

    @classmethod
    def of(cls, plan: Plan, name: str, command: str = "inspect") -> "View":
        """The view of a plan's artifact. Raises InputError for an unknown name, MissingArtifact where nothing is."""
        if name not in VIEWS:
            raise InputError(f"{command} {name}: one of {', '.join(VIEWS)}")
        return cls(name, {stage: plan.require(stage, f"{command} {name}") for stage in stages_read(VIEWS[name])})

    @property
    def stage(self) -> str:
        """The stage whose output it is."""
        return VIEWS[self.name]

    @property
    def shows_labels(self) -> bool:
        """Whether the output is label maps; `pseudo-labels` has masks too."""
        return self.stage in LABELS

    @property
    def image_ids(self) -> tuple[str, ...]:
        """Ids of all images that the output holds."""
        return self.labels.image_ids if self.shows_labels else self.masks.image_ids

    def summary(self) -> Figures:
        """Counts, quantiles and histograms of the output; see `pipeline.inspect.figures`."""
        if self.shows_labels:
            return label_figures(self.labels)
        figures = mask_figures(self.masks)
        if self.name == "clusters":
            distance = self.clusters.distance
            figures["distance"] = quantiles(distance)
            figures["histograms"]["distance"] = Histogram.of(distance, high=float(distance.max(initial=0)) or 1.0)
        return figures

    def draw(self, image_id: str, image: UInt8Array, *, captions: bool = True) -> UInt8Array:
        """The image with this output drawn on, masks with cluster and score where `captions` are wanted.

        Raises:
            InputError: The output does not hold the image.
        """
        if self.shows_labels:
            labels = self.labels
            return draw_labels(image, labels.read(_find(image_id, labels.image_ids)))
        masks = self.masks
        position = _find(image_id, masks.image_ids)
        rows = masks.rows_of(position)
        texts = [_caption(int(masks.cluster[row]), float(masks.score[row])) for row in rows] if captions else []
        return draw_masks(image, masks.decode_image(position), masks.cluster[rows].tolist(), texts)

    def save_picture(self, image_id: str, source: ImageSource, out: Path) -> None:
        """Draw one image of the source and write it as PNG."""
        picture = self.draw(image_id, source.read(source.index(image_id)))
        save_png(Image.fromarray(picture), out)

    @cached_property
    def masks(self) -> MaskStore:
        """The masks, with their clusters where the output has them. Raises InputError where it has label maps alone."""
        if self.stage not in MASKS:
            raise InputError(f"{self.name} are label maps alone; masks are in {_names(MASKS)}")
        return open_masks(self.stage, self.folders)

    @cached_property
    def clusters(self) -> ClusterStore:
        """Clusters and distances of the masks; there are some for the view `clusters` only."""
        return CLUSTERS.open(self.folders)

    @cached_property
    def labels(self) -> LabelStore:
        """The label maps. Raises InputError where the output is masks."""
        if not self.shows_labels:
            raise InputError(f"{self.name} are masks; label maps are in {_names(LABELS)}")
        return LABELS[self.stage].open(self.folders)


def _names(stages: Collection[str]) -> str:
    return ", ".join(name for name, stage in VIEWS.items() if stage in stages)


def _find(image_id: str, image_ids: tuple[str, ...]) -> int:
    try:
        return image_ids.index(image_id)
    except ValueError:
        examples = ", ".join(image_ids[:3])
        raise InputError(f"--image {image_id}: not in this store; it holds {examples}, ...") from None


def _caption(cluster: int, score: float) -> str:
    parts = [f"c{cluster}"] if cluster >= 0 else []
    return " ".join([*parts, f"{score:.2f}"]) if score < 1 or parts else ""
