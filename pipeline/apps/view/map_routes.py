"""The map of the mined masks: where they lie, and what they are coloured by."""

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query, Response
from numpy.typing import NDArray

from maskdistill.data.settings import Settings
from maskdistill.pipeline.apps.view.layouts import LayoutName, available_layouts
from maskdistill.pipeline.apps.view.state import TheRun
from maskdistill.pipeline.apps.view.truth import truth_of
from maskdistill.pipeline.apps.view.viewed_run import NotThere, ViewedRun

_TOP = 65_535
ColourBy = Literal["cluster", "distance", "score", "area", "class"]
router = APIRouter(prefix="/api/map")
"""The routes of the map."""


class LayoutQuery(Settings):
    """Which map."""

    layout: LayoutName = "pca"


class ColourQuery(Settings):
    """What points are coloured by."""

    by: ColourBy = "cluster"


@router.get("")
def describe_map(run: TheRun, query: Annotated[LayoutQuery, Query()]) -> dict[str, Any]:
    """Size and axes of a map, and whether it is there already; asking for it begins to compute it."""
    found = run.embedding_map(query.layout)
    colours: list[ColourBy] = ["cluster", "distance", "score", "area"]
    return {
        "masks": len(run.clusters()),
        "ready": found is not None,
        "explained": found.explained if found is not None else (0.0, 0.0),
        "layouts": available_layouts(),
        "colours": [*colours, *(["class"] if truth_of(run) else [])],
    }


@router.get("/points")
def map_points(run: TheRun, query: Annotated[LayoutQuery, Query()]) -> Response:
    """x, y and cluster of all masks, three uint16 arrays one after the other, little-endian."""
    found = run.embedding_map(query.layout)
    if found is None:
        raise NotThere(f"the map by {query.layout} is still being computed")
    return _binary(found.points[:, 0], found.points[:, 1], run.clusters().cluster)


@router.get("/values")
def map_values(run: TheRun, query: Annotated[ColourQuery, Query()]) -> Response:
    """What all masks are coloured by, uint16: a number from low, 0, to high, 65535; or a class, 65535 for none."""
    if query.by == "cluster":
        return _binary(run.clusters().cluster)
    if query.by == "class":
        truth = truth_of(run)
        if truth is None:
            raise NotThere("the data has no ground truth")
        return _binary(np.where(truth.mined()[1] < 0, _TOP, truth.mined()[1]))
    return _binary(_scaled(_numbers(run, query.by)))


def _numbers(run: ViewedRun, by: str) -> NDArray[np.floating]:
    values: NDArray[np.floating] = (
        run.clusters().distance if by == "distance" else getattr(run.layer("clusters").columns, by)
    )
    return values


def _scaled(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The same from 0 to 65535, the few largest and smallest cut off."""
    low, high = np.quantile(values, [0.01, 0.99]) if len(values) else (0.0, 1.0)
    return np.asarray(np.clip((values - low) / max(high - low, 1e-9), 0, 1) * _TOP)


def _binary(*columns: NDArray[Any]) -> Response:
    body = b"".join(np.asarray(column, dtype="<u2").tobytes() for column in columns)
    return Response(body, media_type="application/octet-stream")
