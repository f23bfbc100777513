"""Photos, overlays and cut-outs, made when they are asked for."""

import hashlib
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Header, Query, Response
from pydantic import BeforeValidator, Field

from maskdistill.data.settings import Settings
from maskdistill.pipeline.apps.drawing.cells import SizeHW, fit_size
from maskdistill.pipeline.apps.drawing.cut import cut_out
from maskdistill.pipeline.apps.drawing.encode import to_jpeg, to_png
from maskdistill.pipeline.apps.drawing.heat import heat_picture
from maskdistill.pipeline.apps.drawing.overlay import Style, mask_layer
from maskdistill.pipeline.apps.drawing.photo import shrink
from maskdistill.pipeline.apps.view.query import LayerName, MaskFilter
from maskdistill.pipeline.apps.view.state import Cache, TheRun
from maskdistill.pipeline.apps.view.viewed_run import ViewedRun, check_number
from maskdistill.stages.networks.resize import resize_mask

_DAY = 86_400
KnownTag = Annotated[str | None, Header(alias="If-None-Match")]


Edge = Annotated[Literal[160, 320, 1024], BeforeValidator(int)]
"""Long sides of the pictures that there are, px."""


class PictureQuery(Settings):
    """A picture's size, and what makes its address new when the picture changes."""

    edge: Edge = 320
    v: str = ""
    """Anything; with it, a browser keeps the picture for a day without asking again."""


class OverlayQuery(PictureQuery, MaskFilter):
    """Which masks to draw, and how."""

    style: Style = "fill"
    only: int | None = Field(None, ge=0)
    """Of the masks that the layer has on the image, this one alone, counted from 0."""


class ThresholdQuery(PictureQuery):
    """The threshold whose result is drawn."""

    threshold: float = Field(ge=0, le=1)


PlainQuery = Annotated[PictureQuery, Query()]
router = APIRouter(prefix="/api")
"""The routes that answer with a JPEG or a PNG."""


@router.get("/images/{image}/photo")
def photo(run: TheRun, cache: Cache, image: int, query: PlainQuery, known: KnownTag = None) -> Response:
    """The photo."""
    picture = cache.get((image, query), lambda: to_jpeg(shrink(run.read(image), query.edge)))
    return answer("image/jpeg", picture, query, known)


@router.get("/images/{image}/overlay/{name}")
def overlay(
    run: TheRun,
    cache: Cache,
    image: int,
    name: LayerName,
    query: Annotated[OverlayQuery, Query()],
    known: KnownTag = None,
) -> Response:
    """The masks of a layer that meet the conditions."""

    def make() -> bytes:
        regions = run.layer(name).regions(image, fit_size(_size_of(run, name, image), query.edge))
        shown = query.match(regions.columns)
        if query.only is not None:
            shown &= np.arange(len(shown)) == query.only
        # Masks without a cluster are told apart by their number in the image.
        colours = np.where(regions.columns.cluster < 0, np.arange(len(shown)), regions.columns.cluster)
        return to_png(mask_layer(regions.masks[shown], colours[shown].tolist(), query.style))

    picture = cache.get((image, name, run.layer_version(name), query), make)
    return answer("image/png", picture, query, known)


@router.get("/images/{image}/heat")
def heat(run: TheRun, cache: Cache, image: int, query: PlainQuery, known: KnownTag = None) -> Response:
    """The affinity of the patches, computed with the ViT of the mine stage."""

    def make() -> bytes:
        pixels = run.read(image)
        size_hw = fit_size((pixels.shape[0], pixels.shape[1]), query.edge)
        return to_png(heat_picture(run.heat().compute(pixels, size_hw)))

    picture = cache.get((image, "heat", run.layer_version("masks"), query), make)
    return answer("image/png", picture, query, known)


@router.get("/images/{image}/outcome")
def outcome(
    run: TheRun, cache: Cache, image: int, query: Annotated[ThresholdQuery, Query()], known: KnownTag = None
) -> Response:
    """What the filter would leave of the candidates, and what it would drop."""

    def make() -> bytes:
        what_if = run.what_if()
        size_hw = fit_size(_size_of(run, "candidates", image), query.edge)
        found = what_if.image(image, query.threshold)
        kept = np.asarray([resize_mask(mask, size_hw) for mask in found.kept], dtype=bool).reshape(-1, *size_hw)
        lost = [resize_mask(what_if.layer.store.decode(row), size_hw) for row in found.lost_rows]
        clusters = what_if.layer.columns.cluster[found.kept_rows].tolist()
        return to_png(mask_layer(kept, clusters, "fill", lost))

    picture = cache.get((image, "outcome", run.layer_version("candidates"), query), make)
    return answer("image/png", picture, query, known)


@router.get("/masks/{row}/cut")
def cut(run: TheRun, cache: Cache, row: int, query: PlainQuery, known: KnownTag = None) -> Response:
    """A mined mask, cut out with some of what is around it."""

    def make() -> bytes:
        layer = run.mask_layer("clusters")
        check_number("mask", row, len(layer.columns))
        pixels, store = run.read(int(layer.columns.image[row])), layer.store
        cluster = int(layer.columns.cluster[row])
        return to_jpeg(cut_out(pixels, store.decode(row), store.bbox_xywh[row].tolist(), cluster, query.edge))

    picture = cache.get((row, "cut", run.layer_version("clusters"), query), make)
    return answer("image/jpeg", picture, query, known)


def answer(media_type: str, picture: bytes, query: PictureQuery, known: str | None) -> Response:
    """A picture, or that it is the one that the browser has."""
    tag = f'"{hashlib.sha256(picture).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": f"private, max-age={_DAY}" if query.v else "no-cache"}
    if known == tag:
        return Response(status_code=304, headers=headers)
    return Response(picture, media_type=media_type, headers=headers)


def _size_of(run: ViewedRun, layer: str, image: int) -> SizeHW:
    """Height and width of an image in px, from the layer where it knows them."""
    check_number("image", image, len(run.source))
    known = run.layer(layer).size_of(image)
    if known is not None:
        return known
    height, width = run.read(image).shape[:2]
    return height, width
