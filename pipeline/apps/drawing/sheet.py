"""Contact sheets: many images with the masks of one stage on them, or the most typical masks of every cluster."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.apps.drawing.cells import fit, save_png
from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.apps.drawing.overlay import draw_masks
from maskdistill.pipeline.apps.inspect.views import View

_CELL = 168
_GAP = 6
_CAPTION = 16
_HEADER = 30
_COLUMNS = 6
_MOST_CLUSTERS = 40
_MARGIN = 0.15
_GROUND, _INK, _DIM_INK = (24, 24, 24), (235, 235, 235), (165, 165, 165)
IMAGES_PER_SHEET, MASKS_PER_CLUSTER = 24, 8


@dataclass(frozen=True)
class Cell:
    """One picture of a sheet and the line below it; without a picture, the first cell of a cluster's row."""

    caption: str
    picture: UInt8Array | None = None
    cluster: int = -1


def save_sheet(view: View, source: ImageSource, out: Path, count: int | None = None) -> None:
    """Write the contact sheet of a view as PNG.

    Args:
        view: What is shown. `clusters` gives a row per cluster, the largest first, of the masks next to its centroid.
        source: The images.
        out: The file.
        count: Images on the sheet, spread evenly over all; for clusters, masks per cluster.
    """
    if view.name == "clusters":
        per_cluster = count or MASKS_PER_CLUSTER
        shown = largest_clusters(view.clusters)
        rows = [_cluster_row(view, source, cluster, per_cluster) for cluster in shown]
        title = f"{len(shown)} of {view.clusters.k} clusters, {len(view.masks):,} masks; the most typical masks of each"
        save_png(_assemble(title, [cell for row in rows for cell in row], per_cluster + 1), out)
        return
    ids = view.image_ids
    chosen = np.unique(np.linspace(0, len(ids) - 1, min(count or IMAGES_PER_SHEET, len(ids))).round().astype(int))
    cells = [_image_cell(view, source, ids[i]) for i in chosen]
    save_png(_assemble(f"{view.name}: {len(cells)} of {len(ids):,} images", cells, min(_COLUMNS, len(cells))), out)


def largest_clusters(clusters: ClusterStore) -> list[int]:
    """The clusters that hold a mask, the largest first, as many as a sheet takes."""
    sizes = np.bincount(clusters.cluster, minlength=clusters.k)
    order = np.argsort(-sizes, kind="stable")[:_MOST_CLUSTERS]
    return [int(cluster) for cluster in order if sizes[cluster]]


def most_typical(clusters: ClusterStore, cluster: int, count: int) -> list[int]:
    """Rows of the masks of a cluster that are nearest to its centroid, the nearest first."""
    rows = np.flatnonzero(clusters.cluster == cluster)
    nearest: list[int] = rows[np.argsort(clusters.distance[rows], kind="stable")[:count]].tolist()
    return nearest


def crop_mask(masks: MaskStore, row: int, image: UInt8Array) -> UInt8Array:
    """The part of an image around a mask, the mask drawn on it, uint8 (height, width, 3)."""
    x, y, width, height = masks.bbox_xywh[row].astype(int).tolist()
    margin = max(2, round(_MARGIN * max(width, height)))
    window = (slice(max(0, y - margin), y + height + margin), slice(max(0, x - margin), x + width + margin))
    return draw_masks(image[window], masks.decode(row)[window][None], [int(masks.cluster[row])])


def _cluster_row(view: View, source: ImageSource, cluster: int, count: int) -> Iterator[Cell]:
    size = int((view.clusters.cluster == cluster).sum())
    yield Cell(f"cluster {cluster}\n{size:,} masks", cluster=cluster)
    rows = most_typical(view.clusters, cluster, count)
    for row in rows:
        image_id = view.masks.image_ids[view.masks.image[row]]
        image = source.read(source.index(image_id))
        caption = f"{view.clusters.distance[row]:.2f}  {image_id}"
        yield Cell(caption, crop_mask(view.masks, row, image), cluster)
    for _ in range(count - len(rows)):
        yield Cell("")


def _image_cell(view: View, source: ImageSource, image_id: str) -> Cell:
    image = source.read(source.index(image_id))
    return Cell(image_id, view.draw(image_id, image, captions=False))


def _assemble(title: str, cells: list[Cell], columns: int) -> Image.Image:
    n_rows = -(-len(cells) // max(1, columns))
    step = _CELL + _GAP
    size = (columns * step + _GAP, _HEADER + n_rows * (step + _CAPTION))
    canvas = Image.new("RGB", (max(size[0], 2 * step), size[1]), _GROUND)
    draw = ImageDraw.Draw(canvas)
    draw.text((_GAP, 6), title, fill=_INK, font_size=15)
    for i, cell in enumerate(cells):
        row, column = divmod(i, columns)
        _paste(canvas, draw, cell, (_GAP + column * step, _HEADER + row * (step + _CAPTION)))
    return canvas


def _paste(canvas: Image.Image, draw: ImageDraw.ImageDraw, cell: Cell, corner_xy: tuple[int, int]) -> None:
    x, y = corner_xy
    if cell.picture is None:
        if cell.caption:
            draw.rectangle((x, y + 2, x + 14, y + 16), fill=cluster_colour(cell.cluster))
            draw.text((x, y + 24), cell.caption, fill=_INK, font_size=15)
        return
    picture = fit(cell.picture, _CELL)
    canvas.paste(picture, (x + (_CELL - picture.width) // 2, y + _CELL - picture.height))
    draw.text((x, y + _CELL + 1), _shorten(draw, cell.caption), fill=_DIM_INK, font_size=11)


def _shorten(draw: ImageDraw.ImageDraw, text: str) -> str:
    """The text, its middle left out where it is wider than a cell."""
    if draw.textlength(text, font_size=11) <= _CELL:
        return text
    kept = len(text)
    while kept > 4 and draw.textlength(text[: kept // 2] + "..." + text[-kept // 2 :], font_size=11) > _CELL:
        kept -= 1
    return text[: kept // 2] + "..." + text[-kept // 2 :]
