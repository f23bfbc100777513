"""Ground truth, where there is some: the classes of an image and of the clusters, and pictures of them."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Response

from maskdistill.data.arrays import IGNORE, UInt8Array
from maskdistill.pipeline.apps.drawing.cells import fit_size
from maskdistill.pipeline.apps.drawing.encode import to_png
from maskdistill.pipeline.apps.drawing.overlay import mask_layer
from maskdistill.pipeline.apps.output_names import VIEWS
from maskdistill.pipeline.apps.view.picture_routes import KnownTag, OverlayQuery, answer
from maskdistill.pipeline.apps.view.state import Cache, TheRun
from maskdistill.pipeline.apps.view.truth import ViewedTruth, describe_scores, truth_of
from maskdistill.pipeline.apps.view.viewed_run import NotThere, ViewedRun, check_number
from maskdistill.stages.networks.resize import resize_mask

router = APIRouter(prefix="/api/truth")
"""The routes that read labels, by way of the evaluation; nothing else ever does."""


@router.get("/clusters")
def classes_of_clusters(run: TheRun) -> list[dict[str, Any] | None]:
    """The class of most masks of each cluster, and their share; None without one."""
    return _truth(run).classes_of_clusters()


@router.get("/images/{image}")
def describe_truth(run: TheRun, image: int) -> dict[str, Any]:
    """The classes of an image, and by layer how well masks and label map fit them."""
    check_number("image", image, len(run.source))
    truth = _truth(run)
    labels, colours = truth.truth.labels(image), _colours(truth)
    present = [] if labels is None else [(one, np.mean(labels == one)) for one in _classes_in(labels)]
    classes = [{"name": truth.class_names[one], "cluster": colours[one], "area": float(area)} for one, area in present]
    layers = {name: describe_scores(truth, name, image) for name in VIEWS if VIEWS[name] in run.stages}
    return {"classes": classes, "layers": layers}


@router.get("/images/{image}/overlay")
def truth_overlay(
    run: TheRun, cache: Cache, image: int, query: Annotated[OverlayQuery, Query()], known: KnownTag = None
) -> Response:
    """The classes of an image, each in the colour of its cluster."""
    check_number("image", image, len(run.source))
    truth = _truth(run)

    def make() -> bytes:
        labels = truth.truth.labels(image)
        if labels is None:
            raise NotThere(f"image {image} has no ground truth")
        size_hw, present = fit_size((labels.shape[0], labels.shape[1]), query.edge), _classes_in(labels)
        if query.only is not None:
            present = present[query.only : query.only + 1]
        masks = [resize_mask(labels == one, size_hw) for one in present]
        colours = [_colours(truth)[one] for one in present]
        return to_png(mask_layer(np.asarray(masks, dtype=bool).reshape(-1, *size_hw), colours, query.style))

    return answer("image/png", cache.get((image, "truth", query), make), query, known)


def _truth(run: ViewedRun) -> ViewedTruth:
    truth = truth_of(run)
    if truth is None:
        raise NotThere("the data has no ground truth")
    return truth


def _classes_in(labels: UInt8Array) -> list[int]:
    return [int(one) for one in np.unique(labels) if one not in (0, IGNORE)]


def _colours(truth: ViewedTruth) -> dict[int, int]:
    """The cluster whose colour each class has: the one it was matched to, or else one of the next numbers."""
    run = truth.run
    matched = truth.class_of_cluster("clusters") if run.has("mine", "cluster") else {}
    of_name = {name: int(cluster) for cluster, name in matched.items()}
    spare = iter(range(run.n_clusters, run.n_clusters + len(truth.class_names)))
    return {number: of_name.get(name, next(spare)) for number, name in enumerate(truth.class_names) if number}
