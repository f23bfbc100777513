"""The mined masks one by one, as JSON."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from pydantic import Field

from maskdistill.pipeline.apps.view.descriptions import describe_mask
from maskdistill.pipeline.apps.view.disagreement import disagreement_of_masks
from maskdistill.pipeline.apps.view.mask_query import MaskQuery, find_mined
from maskdistill.pipeline.apps.view.state import TheRun
from maskdistill.pipeline.apps.view.truth import truth_of
from maskdistill.pipeline.apps.view.viewed_run import check_number

router = APIRouter(prefix="/api/masks")
"""The routes of single masks; their pictures stand in `picture_routes.py`."""


class MaskPage(MaskQuery):
    """One page of the answer to a query."""

    page: int = Field(0, ge=0)
    per_page: int = Field(60, ge=1, le=500)


@router.get("")
def list_masks(run: TheRun, query: Annotated[MaskPage, Query()]) -> dict[str, Any]:
    """One page of the masks that meet a query."""
    rows = find_mined(query, run)
    shown = rows[query.page * query.per_page : (query.page + 1) * query.per_page].tolist()
    items = [describe_mask(run, row) for row in shown]
    truth = truth_of(run) if query.sort == "iou" else None
    if truth is not None:
        ious, classes = truth.mined()
        for item in items:
            one = int(classes[item["row"]])
            if one >= 0:
                item.update({"iou": float(ious[item["row"]]), "class": truth.class_names[one]})
    if query.sort == "disagreement":
        shares = disagreement_of_masks(run)
        for item in items:
            item["disagreement"] = None if np.isnan(shares[item["row"]]) else float(shares[item["row"]])
    return {"masks": len(rows), "items": items}


@router.get("/{row}")
def one_mask(run: TheRun, row: int) -> dict[str, Any]:
    """A mined mask and its image."""
    check_number("mask", row, len(run.clusters()))
    return describe_mask(run, row)
