"""What the filter stage would keep with another threshold: its own functions, given the candidates it would read."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskdistill.pipeline.apps.inspect.histogram import Histogram
from maskdistill.pipeline.apps.view.layers import MaskLayer
from maskdistill.stages.filter.confidence import select
from maskdistill.stages.filter.config import FilterConfig
from maskdistill.stages.filter.stage import resolve_overlap

BINS = 50
Order = Literal["nearest", "lost", "kept", "order"]


@dataclass(frozen=True, eq=False)
class FilteredImage:
    """What becomes of the candidates of one image.

    Attributes:
        kept: bool (n, height, width), what is left of the masks that are kept, the most confident first.
        kept_rows: Their n rows among the candidates.
        lost_rows: Rows of the candidates of which nothing is left.
    """

    kept: NDArray[np.bool_]
    kept_rows: NDArray[np.int64]
    lost_rows: NDArray[np.int64]


class WhatIf:
    """The candidates of a run and the settings of its filter, whose threshold is varied."""

    def __init__(self, layer: MaskLayer, config: FilterConfig) -> None:
        self.layer = layer
        self._config = config

    def keep(self, threshold: float) -> NDArray[np.bool_]:
        """Which candidates are confident enough, bool (M,); what overlaps then does to them is not looked at."""
        columns = self.layer.columns
        return select(columns.score, columns.image, threshold, self._config.max_per_image)

    def summarise(self, threshold: float) -> dict[str, Any]:
        """Counts over all candidates, by score and by cluster."""
        columns = self.layer.columns
        keep = self.keep(threshold)
        unsure = keep & (columns.score < float(threshold))
        n_clusters = int(columns.cluster.max(initial=-1)) + 1
        return {
            "candidates": len(columns),
            "kept": int(keep.sum()),
            "images": len(np.unique(columns.image)),
            "unsure_images": int(unsure.sum()),
            "score_bins": {
                "all": Histogram.of(columns.score, bins=BINS).counts,
                "kept": Histogram.of(columns.score[keep], bins=BINS).counts,
            },
            "clusters": {
                "all": np.bincount(columns.cluster, minlength=n_clusters).tolist(),
                "kept": np.bincount(columns.cluster[keep], minlength=n_clusters).tolist(),
            },
        }

    def images(self, threshold: float, order: Order) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Images with candidates in an order, each int64 (n,): the image, how many are kept, and how many lost."""
        columns = self.layer.columns
        images, first, total = np.unique(columns.image, return_index=True, return_counts=True)
        if not len(images):
            return (np.zeros(0, dtype=np.int64),) * 3
        kept = np.add.reduceat(self.keep(threshold).astype(np.int64), first)
        if order == "nearest":
            values: NDArray[Any] = np.minimum.reduceat(np.abs(columns.score - threshold), first)
        else:
            values = {"lost": kept - total, "kept": -kept, "order": images}[order]
        sequence = np.argsort(values, kind="stable")
        return images[sequence].astype(np.int64), kept[sequence], (total - kept)[sequence]

    def image(self, image: int, threshold: float) -> FilteredImage:
        """What the filter would leave of the candidates of one image, overlaps resolved, at the image's own size."""
        columns = self.layer.columns
        rows = np.asarray(columns.rows_of(image), dtype=np.int64)
        # The best of an image is the best of its own candidates, so the others need not be looked at.
        keep = select(columns.score[rows], columns.image[rows], threshold, self._config.max_per_image)
        masks, ranked = resolve_overlap(self.layer.store, rows[keep].tolist(), self._config.overlap)
        left = masks.any(axis=(1, 2))
        return FilteredImage(masks[left], ranked[left], np.setdiff1d(rows, ranked[left]))
