"""Two runs side by side, as JSON; the pictures of the other one come from the same routes below `/other`."""

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query
from pydantic import Field

from maskdistill.data.settings import Settings
from maskdistill.pipeline.apps.view.descriptions import describe_image
from maskdistill.pipeline.apps.view.query import LayerName
from maskdistill.pipeline.apps.view.state import BothRuns

router = APIRouter(prefix="/api/compare")
"""The routes of a page that was started with `--against`."""


class ComparePage(Settings):
    """One page of the images that both runs have."""

    layer: LayerName = "predictions"
    sort: Literal["difference", "order"] = "difference"
    page: int = Field(0, ge=0)
    per_page: int = Field(24, ge=1, le=500)


@router.get("")
def list_pairs(comparison: BothRuns, query: Annotated[ComparePage, Query()]) -> dict[str, Any]:
    """One page of pairs, the most different ones first; those of different size come last."""
    found = comparison.differences(query.layer)
    order = np.argsort(-found.share, kind="stable") if query.sort == "difference" else np.arange(len(found.images))
    shown = order[query.page * query.per_page : (query.page + 1) * query.per_page].tolist()
    items = [
        {
            **describe_image(comparison.run, int(found.images[i])),
            "other": int(found.others[i]),
            "difference": None if np.isnan(found.share[i]) else float(found.share[i]),
        }
        for i in shown
    ]
    known = found.share[~np.isnan(found.share)]
    mean = float(known.mean()) if len(known) else None
    return {"images": len(found.images), "mean": mean, "cluster_of": found.cluster_of, "items": items}
