"""Which images and masks to show, and in which order: a question that fits into an address."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from maskdistill.data.settings import Settings
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.pipeline.apps.view.layers import NO_MASKS, Columns, Layer

LayerName = Literal["masks", "clusters", "curated", "candidates", "pseudo-labels", "predictions", "patches"]
"""One of `apps.views.VIEWS`."""

Split = Literal["all", "train", "val"]
RATED = ("iou", "disagreement")
"""Orders by a number that has to be computed for each image."""


class MaskFilter(Settings):
    """Conditions that a mask has to meet, all of them; None and () ask for nothing."""

    cluster: tuple[Annotated[int, Field(ge=0, le=65_535)], ...] = ()
    """Any of these clusters."""
    min_score: float | None = None
    max_score: float | None = None
    min_area: float | None = None
    """Fraction of the image, 0-1."""
    max_area: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every mask meets them."""
        return not self.cluster and all(
            bound is None for bound in (self.min_score, self.max_score, self.min_area, self.max_area)
        )

    def match(self, columns: Columns) -> NDArray[np.bool_]:
        """Which masks meet the conditions, bool (M,)."""
        keep = np.ones(len(columns), dtype=bool)
        if self.cluster:
            keep &= np.isin(columns.cluster, self.cluster)
        for values, low, high in (
            (columns.score, self.min_score, self.max_score),
            (columns.area, self.min_area, self.max_area),
        ):
            if low is not None:
                keep &= values >= low
            if high is not None:
                keep &= values <= high
        return keep


class ImageQuery(MaskFilter):
    """Conditions for images: those of their masks, of which one at least has to match, and their own."""

    layer: LayerName = "masks"
    name: str = Field("", max_length=500)
    """Part of the image's id, in any case."""
    split: Split = "all"
    having: Literal["any", "some", "none"] = "any"
    """Images with masks, without masks, or both."""
    sort: Literal["order", "name", "score", "area", "count", "iou", "disagreement"] = "order"
    """By place in the data set, id, best score or largest area of the masks that match, their number, how well what the
    layer has on the image fits the ground truth, or how much of it the final model sees otherwise."""
    descending: bool = False

    @property
    def asks_for_masks(self) -> bool:
        """Whether the answer depends on the masks."""
        return not self.is_empty or self.having != "any" or self.sort in ("score", "area", "count")


@dataclass(frozen=True, eq=False)
class Found:
    """The answer.

    Attributes:
        images: Indices into the source, in the order asked for.
        counts: int64 (I,), number of matching masks of every image of the source; None where nobody counted.
        n_masks: Matching masks of the images found; None where nobody counted.
    """

    images: NDArray[np.int64]
    counts: NDArray[np.int64] | None
    n_masks: int | None


def find_images(
    query: ImageQuery,
    layer: Layer | None,
    source: ImageSource,
    rated: Callable[[], NDArray[np.floating]] | None = None,
) -> Found:
    """Answer a query.

    Args:
        query: The question.
        layer: The layer that it names; None where that has not been made: then no image has masks, and conditions for
            masks are not applied.
        source: The images.
        rated: Gives a number for every image, nan where it has none, that the query sorts by; None = the order is then
            that of the data set.
    """
    counted = layer is not None and (layer.quick or query.asks_for_masks)
    columns = layer.columns if layer is not None and counted else NO_MASKS
    matching = columns.take(query.match(columns))
    counts = np.bincount(matching.image, minlength=len(source))
    keep = match_images(query.name, query.split, source)
    if layer is not None and (not query.is_empty or query.having == "some"):
        keep &= counts > 0
    if layer is not None and query.having == "none":
        keep &= np.bincount(columns.image, minlength=len(source)) == 0
    images = np.flatnonzero(keep)
    if query.sort in RATED and rated is not None and layer is not None:
        values = rated()[images] * (-1 if query.descending else 1)
        images = images[np.argsort(values, kind="stable")]  # nan comes last
    else:
        images = images[_order(query, matching, counts, source, images)]
    return Found(images, counts, int(counts[images].sum())) if counted else Found(images, None, None)


def match_images(name: str, split: Split, source: ImageSource) -> NDArray[np.bool_]:
    """Which images have a part of their id in common with `name`, in any case, and are of a split, bool (I,)."""
    keep = np.ones(len(source), dtype=bool)
    if split != "all":
        keep &= (np.arange(len(source)) < source.n_train) == (split == "train")
    if name:
        part = name.casefold()
        keep &= np.fromiter((part in image_id.casefold() for image_id in source.ids), dtype=bool, count=len(source))
    return keep


def _order(
    query: ImageQuery, matching: Columns, counts: NDArray[np.int64], source: ImageSource, images: NDArray[np.int64]
) -> NDArray[np.int64]:
    if query.sort in ("order", *RATED):
        return np.arange(len(images))[:: -1 if query.descending else 1]
    if query.sort == "name":
        ids = source.ids
        ranked = sorted(range(len(images)), key=lambda i: ids[int(images[i])], reverse=query.descending)
        return np.asarray(ranked, dtype=np.int64)
    if query.sort == "count":
        values = counts[images].astype(np.float64)
    else:
        # Images without a match come last in either direction.
        best = np.full(len(source), -np.inf)
        np.maximum.at(best, matching.image, getattr(matching, query.sort))
        values = best[images]
    return np.argsort(np.where(np.isneginf(values), np.inf, -values if query.descending else values), kind="stable")
