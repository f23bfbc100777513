"""The map of the mined masks: where they lie, and what they are coloured by."""

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query, Response
from numpy.typing import NDArray

from maskdistill.data.settings import Settings
from maskdistill.pipeline.apps.view.comparison import Comparison
from maskdistill.pipeline.apps.view.embedding_map import EmbeddingMap
from maskdistill.pipeline.apps.view.layouts import LayoutName, available_layouts
from maskdistill.pipeline.apps.view.state import MaybeBoth, TheRun
from maskdistill.pipeline.apps.view.truth import truth_of
from maskdistill.pipeline.apps.view.viewed_run import NotThere, ViewedRun

_TOP = 65_535
ColourBy = Literal["cluster", "distance", "score", "area", "class", "run"]
MapName = LayoutName | Literal["both"]
router = APIRouter(prefix="/api/map")
"""The routes of the map."""


class LayoutQuery(Settings):
    """Which map; `both` = that of the masks of this run and then of the one that it is compared with."""

    layout: MapName = "pca"


class ColourQuery(LayoutQuery):
    """What its points are coloured by."""

    by: ColourBy = "cluster"


@router.get("")
def describe_map(run: TheRun, both: MaybeBoth, query: Annotated[LayoutQuery, Query()]) -> dict[str, Any]:
    """Size and axes of a map, and whether it is there already; asking for it begins to compute it."""
    runs, found = _laid_out(run, both, query.layout)
    colours: list[ColourBy] = ["cluster", "distance", "score", "area"]
    return {
        "masks": sum(len(one.clusters()) for one in runs),
        "own": len(run.clusters()),
        "ready": found is not None,
        "explained": found.explained if found is not None else (0.0, 0.0),
        "layouts": [*available_layouts(), *(["both"] if both else [])],
        "colours": [*(["run"] if len(runs) > 1 else []), *colours, *(["class"] if truth_of(run) else [])],
    }


@router.get("/points")
def map_points(run: TheRun, both: MaybeBoth, query: Annotated[LayoutQuery, Query()]) -> Response:
    """x, y and cluster of all masks, three uint16 arrays one after the other, little-endian."""
    runs, found = _laid_out(run, both, query.layout)
    if found is None:
        raise NotThere(f"the map by {query.layout} is still being computed")
    return _binary(found.points[:, 0], found.points[:, 1], np.concatenate([one.clusters().cluster for one in runs]))


@router.get("/values")
def map_values(run: TheRun, both: MaybeBoth, query: Annotated[ColourQuery, Query()]) -> Response:
    """What all masks are coloured by, uint16: a number from low, 0, to high, 65535; or the number of a cluster, a class
    (65535 for none) or a run."""
    runs = _runs(run, both, query.layout)
    if query.by == "run":
        return _binary(np.repeat(np.arange(len(runs)), [len(one.clusters()) for one in runs]))
    values = np.concatenate([_values_of(one, query.by) for one in runs])
    return _binary(values if query.by in ("cluster", "class") else _scaled(values))


def _runs(run: ViewedRun, both: Comparison | None, layout: MapName) -> list[ViewedRun]:
    """The runs whose masks are on a map."""
    if layout != "both":
        return [run]
    if both is None:
        raise NotThere("start the page with `maskdistill view --against RUN` for a map of two runs")
    return [both.run, both.other]


def _laid_out(run: ViewedRun, both: Comparison | None, layout: MapName) -> tuple[list[ViewedRun], EmbeddingMap | None]:
    """The runs on a map, and the map; None while it is being computed."""
    runs = _runs(run, both, layout)
    if layout == "both" and both is not None:
        return runs, both.joint_map()
    return runs, run.embedding_map(layout)


def _values_of(run: ViewedRun, by: ColourBy) -> NDArray[Any]:
    if by == "class":
        truth = truth_of(run)
        if truth is None:
            raise NotThere("the data has no ground truth")
        return np.where(truth.mined()[1] < 0, _TOP, truth.mined()[1])
    store = run.clusters()
    if by in ("cluster", "distance"):
        return store.cluster if by == "cluster" else store.distance
    return np.asarray(getattr(run.layer("clusters").columns, by))


def _scaled(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The same from 0 to 65535, the few largest and smallest cut off."""
    low, high = np.quantile(values, [0.01, 0.99]) if len(values) else (0.0, 1.0)
    return np.asarray(np.clip((values - low) / max(high - low, 1e-9), 0, 1) * _TOP)


def _binary(*columns: NDArray[Any]) -> Response:
    body = b"".join(np.asarray(column, dtype="<u2").tobytes() for column in columns)
    return Response(body, media_type="application/octet-stream")
