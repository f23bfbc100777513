"""What the filter stage would keep with another threshold: its own rules, applied to the candidates it would read."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.pipeline.apps.view.layers import MaskLayer
from maskdistill.stages.filter.confidence import rank_in_image, select
from maskdistill.stages.filter.config import FilterConfig
from maskdistill.stages.filter.stage import resolve_overlap, select_candidates

BINS = 50
Order = Literal["nearest", "lost", "kept", "order"]


@dataclass(frozen=True, eq=False)
class Outcome:
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

    @cached_property
    def _ranks(self) -> NDArray[np.int64]:
        return rank_in_image(self.layer.columns.score, self.layer.columns.image)

    def keep(self, threshold: float) -> NDArray[np.bool_]:
        """Which candidates are confident enough, bool (M,); what overlaps then does to them is not looked at."""
        columns = self.layer.columns
        keep = select(columns.score, columns.image, threshold)
        return keep if self._config.max_per_image is None else keep & (self._ranks < self._config.max_per_image)

    def summarise(self, threshold: float) -> dict[str, Any]:
        """Counts over all candidates, by score and by cluster."""
        columns = self.layer.columns
        keep = self.keep(threshold)
        unsure = keep & (columns.score < float(threshold))
        n_clusters = int(columns.cluster.max(initial=-1)) + 1
        bins = np.clip((columns.score * BINS).astype(np.int64), 0, BINS - 1)
        return {
            "candidates": len(columns),
            "kept": int(keep.sum()),
            "images": len(np.unique(columns.image)),
            "unsure_images": int(unsure.sum()),
            "score_bins": {
                "all": np.bincount(bins, minlength=BINS).tolist(),
                "kept": np.bincount(bins[keep], minlength=BINS).tolist(),
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

    def outcome(self, image: int, threshold: float) -> Outcome:
        """What the filter would leave of the candidates of one image, overlaps resolved, at the image's own size."""
        rows = np.asarray(self.layer.columns.rows_of(image), dtype=np.int64)
        candidates = _store_of(self.layer.store, rows)
        config = self._config.model_copy(update={"threshold": threshold, "masks": "confident"})
        confident_rows = rows[self.keep(threshold)[rows]]
        masks, order = resolve_overlap(select_candidates(candidates, config), 0, config.overlap)
        left = masks.any(axis=(1, 2)) if len(masks) else np.zeros(0, dtype=bool)
        kept_rows = confident_rows[order[left]]
        return Outcome(masks[left], kept_rows, np.setdiff1d(rows, kept_rows))


def _store_of(store: MaskStore, rows: NDArray[np.int64]) -> MaskStore:
    """A store of some masks of one image."""
    builder = MaskStoreBuilder()
    builder.add_rles("image", [store.rle(row) for row in rows], store.score[rows], store.cluster[rows])
    return builder.build()
