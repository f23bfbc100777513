"""Which mined masks to show, and in which order: a question that fits into an address. M is the number of masks."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from maskdistill.data.stores.named_masks import find_masks
from maskdistill.pipeline.apps.view.disagreement import disagreement_of_masks
from maskdistill.pipeline.apps.view.lasso import inside
from maskdistill.pipeline.apps.view.layers import Columns
from maskdistill.pipeline.apps.view.layouts import LayoutName
from maskdistill.pipeline.apps.view.query import MaskFilter, Split, match_images
from maskdistill.pipeline.apps.view.truth import truth_of
from maskdistill.pipeline.apps.view.viewed_run import NotThere, ViewedRun


class MaskQuery(MaskFilter):
    """Conditions for mined masks, and their order."""

    name: str = Field("", max_length=500)
    """Part of the image's id, in any case."""
    split: Split = "all"
    tag: Literal["any", "flagged", "excluded", "none"] = "any"
    """By what was done to the mask by hand; its image does not count."""
    lasso: Annotated[tuple[Annotated[float, Field(ge=-1, le=2)], ...], Field(max_length=400)] = ()
    """Corners of a polygon on the map: x and y of each, from 0 to 1."""
    layout: LayoutName = "pca"
    """Of that map."""
    sort: Literal["order", "distance", "area", "score", "iou", "disagreement"] = "order"
    """By place in the data set, distance to the centroid, fraction of the image, score, IoU with the ground truth (if
    there is none, by place), or how much of it the final model gives to another cluster."""
    descending: bool = False

    @field_validator("lasso")
    @classmethod
    def _has_corners(cls, lasso: tuple[float, ...]) -> tuple[float, ...]:
        if lasso and (len(lasso) < 6 or len(lasso) % 2):
            raise ValueError("a polygon has three corners or more, each of two numbers")
        return lasso


def find_mined(query: MaskQuery, run: ViewedRun) -> NDArray[np.int64]:
    """Rows of the masks that meet a query, in the order asked for, int64 (n,). Raises MissingArtifact."""
    columns = run.layer("clusters").columns
    keep = query.match(columns) & match_images(query.name, query.split, run.source)[columns.image]
    if query.tag != "any":
        keep &= _tagged(query, run)
    if query.lasso:
        found = run.embedding_map(query.layout)
        if found is None:
            raise NotThere(f"the map by {query.layout} is still being computed; try again in a moment")
        keep &= inside(found.points / 65_535, np.reshape(query.lasso, (-1, 2)))
    rows, values = np.flatnonzero(keep), _values(query.sort, run, columns)
    if values is None:
        return rows[:: -1 if query.descending else 1]
    return rows[np.argsort(-values[rows] if query.descending else values[rows], kind="stable")]


def _values(sort: str, run: ViewedRun, columns: Columns) -> NDArray[np.floating] | None:
    """What masks are sorted by, float (M,); None = by their place in the data set."""
    if sort == "iou":
        truth = truth_of(run)
        return None if truth is None else truth.mined()[0]
    if sort == "disagreement":
        return disagreement_of_masks(run)
    if sort == "distance":
        return run.clusters().distance
    return None if sort == "order" else np.asarray(getattr(columns, sort))


def _tagged(query: MaskQuery, run: ViewedRun) -> NDArray[np.bool_]:
    """Which masks have the tag that is asked for, or none, bool (M,)."""
    masks, tags = run.masks("mine"), run.journal.edits.masks
    wanted = ("flagged", "excluded") if query.tag == "none" else (query.tag,)
    tagged = np.zeros(len(masks), dtype=bool)
    for tag in wanted:
        tagged[find_masks(masks, getattr(tags, tag), f"masks.{tag}")] = True
    return ~tagged if query.tag == "none" else tagged
