"""What the pages show, as JSON. Images and masks are named by number, never by path."""

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from numpy.typing import NDArray
from pydantic import Field

from maskdistill.data.errors import MissingArtifact
from maskdistill.data.settings import Settings
from maskdistill.pipeline.apps.output_names import VIEWS
from maskdistill.pipeline.apps.view.cluster_pages import pick_masks, summarise_clusters
from maskdistill.pipeline.apps.view.descriptions import describe_image, describe_mask
from maskdistill.pipeline.apps.view.disagreement import disagreement_of_images
from maskdistill.pipeline.apps.view.layers import Layer
from maskdistill.pipeline.apps.view.query import ImageQuery, LayerName, find_images
from maskdistill.pipeline.apps.view.state import TheRun
from maskdistill.pipeline.apps.view.threshold import Order
from maskdistill.pipeline.apps.view.truth import truth_of
from maskdistill.pipeline.apps.view.viewed_run import ViewedRun, check_number

_EXAMPLES = 12
_MINED = ("masks", "clusters")
"""Layers whose masks can be changed by hand, and named by their row."""
_FEWEST_PER_PAGE, _MOST_PER_PAGE = 1, 500


class ImagePage(ImageQuery):
    """One page of the answer to a query."""

    page: int = Field(0, ge=0)
    per_page: int = Field(48, ge=_FEWEST_PER_PAGE, le=_MOST_PER_PAGE)


class ThresholdPage(Settings):
    """One page of what the filter would do with a threshold."""

    threshold: float = Field(ge=0, le=1)
    order: Order = "nearest"
    page: int = Field(0, ge=0)
    per_page: int = Field(24, ge=_FEWEST_PER_PAGE, le=_MOST_PER_PAGE)


router = APIRouter(prefix="/api")
"""The routes that answer with JSON."""


@router.get("/run")
def describe_run(run: TheRun, request: Request) -> dict[str, Any]:
    """Images, stages and the settings that the page needs, and whether there is another run to compare with."""
    return {**run.describe(), "other": request.app.state.comparison is not None}


@router.get("/images")
def list_images(run: TheRun, query: Annotated[ImagePage, Query()]) -> dict[str, Any]:
    """One page of the images that meet a query."""
    layer, missing = _layer_or_reason(run, query.layer)
    rated = _rated(run, query)
    found = find_images(query, layer, run.source, rated)
    shown = found.images[query.page * query.per_page : (query.page + 1) * query.per_page].tolist()
    ratings = rated() if rated is not None and layer is not None else None
    items = [
        {
            **describe_image(run, i),
            "count": None if found.counts is None else int(found.counts[i]),
            "rating": None if ratings is None or np.isnan(ratings[i]) else float(ratings[i]),
        }
        for i in shown
    ]
    return {"images": len(found.images), "masks": found.n_masks, "items": items, "missing": missing}


@router.get("/images/{image}")
def show_image(run: TheRun, image: int, query: Annotated[ImageQuery, Query()]) -> dict[str, Any]:
    """The masks of one image by layer, and its neighbours among the images that meet the query."""
    check_number("image", image, len(run.source))
    layer, _ = _layer_or_reason(run, query.layer)
    images = find_images(query, layer, run.source, _rated(run, query)).images
    places = np.flatnonzero(images == image)
    place = int(places[0]) if len(places) else None
    return {
        **describe_image(run, image),
        "place": place,
        "of": len(images),
        "previous": int(images[place - 1]) if place else None,
        "next": int(images[place + 1]) if place is not None and place + 1 < len(images) else None,
        "layers": {name: _describe_masks(run, name, image) for name in VIEWS},
    }


@router.get("/layers/{name}")
def describe_layer(run: TheRun, name: LayerName) -> dict[str, Any]:
    """What of a layer can be filtered by."""
    layer = run.layer(name)
    if not layer.quick:
        return {"masks": None, "has_scores": False, "clusters": list(range(run.n_clusters))}
    columns = layer.columns
    clusters = np.unique(columns.cluster[columns.cluster >= 0]).tolist()
    has_scores = bool(len(columns)) and float(np.ptp(columns.score)) > 0
    return {"masks": len(columns), "has_scores": has_scores, "clusters": clusters}


@router.get("/clusters")
def list_clusters(run: TheRun) -> list[dict[str, Any]]:
    """What is known of every cluster."""
    return summarise_clusters(
        run.clusters(), run.made_columns("candidates"), run.made_columns("pseudo-labels"), _EXAMPLES
    )


@router.get("/clusters/{cluster}")
def describe_cluster(
    run: TheRun, cluster: int, seed: Annotated[int, Query(ge=0)] = 0, n: Annotated[int, Query(ge=1, le=100)] = 12
) -> dict[str, Any]:
    """`n` masks of each kind: typical, atypical and random ones."""
    store = run.clusters()
    check_number("cluster", cluster, store.k)
    picked = pick_masks(store, cluster, n, seed)
    return {name: [describe_mask(run, row) for row in rows] for name, rows in picked.items()}


@router.get("/threshold")
def try_threshold(run: TheRun, query: Annotated[ThresholdPage, Query()]) -> dict[str, Any]:
    """What the filter would keep and lose, and one page of the images."""
    what_if = run.what_if()
    images, kept, lost = what_if.images(query.threshold, query.order)
    page = slice(query.page * query.per_page, (query.page + 1) * query.per_page)
    items = [
        {**describe_image(run, image), "kept": n_kept, "lost": n_lost}
        for image, n_kept, n_lost in zip(*(values[page].tolist() for values in (images, kept, lost)), strict=True)
    ]
    return {**what_if.summarise(query.threshold), "items": items}


def _rated(run: ViewedRun, query: ImageQuery) -> Callable[[], NDArray[np.floating]] | None:
    """Gives the number of every image that a query sorts by, in its layer; None where there is none."""
    if query.sort == "disagreement":
        return lambda: disagreement_of_images(run, query.layer)
    truth = truth_of(run) if query.sort == "iou" else None
    return None if truth is None else lambda: truth.images(query.layer)


def _describe_masks(run: ViewedRun, name: str, image: int) -> dict[str, Any]:
    """The masks of one layer on one image, or why there are none."""
    layer, missing = _layer_or_reason(run, name)
    if layer is None:
        return {"missing": missing, "masks": [], "size_hw": None}
    columns = layer.regions(image, (1, 1)).columns
    values = zip(columns.cluster.tolist(), columns.score.tolist(), columns.area.tolist(), strict=True)
    masks: list[dict[str, Any]] = [{"cluster": one, "score": score, "area": area} for one, score, area in values]
    if name in _MINED:
        masks = [{**mask, "row": row} for mask, row in zip(masks, layer.columns.rows_of(image), strict=True)]
    return {"missing": None, "masks": masks, "size_hw": layer.size_of(image)}


def _layer_or_reason(run: ViewedRun, name: str) -> tuple[Layer | None, str | None]:
    try:
        return run.layer(name), None
    except MissingArtifact as error:
        return None, str(error)
