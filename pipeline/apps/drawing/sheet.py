"""Contact sheets: many images with the masks of one stage on them, or the most typical masks of every cluster."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.catalog import CLUSTERS, LABELS
from maskdistill.data.errors import UnreadableImage
from maskdistill.pipeline.apps.drawing.cells import fit, save_png
from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.apps.drawing.cut import cut_out
from maskdistill.pipeline.apps.drawing.photo import grey
from maskdistill.pipeline.apps.drawing.stage import draw_stage
from maskdistill.pipeline.apps.inspect.typical import by_distance, largest_clusters
from maskdistill.pipeline.apps.output_names import NAME_OF
from maskdistill.pipeline.apps.outputs import Run

_CELL = 168
_GAP = 6
_CAPTION = 16
_HEADER = 30
_COLUMNS = 6
_GROUND, _INK, _DIM_INK = (24, 24, 24), (235, 235, 235), (165, 165, 165)
IMAGES_PER_SHEET, MASKS_PER_CLUSTER = 24, 8


@dataclass(frozen=True)
class Cell:
    """One picture of a sheet and the line below it; without a picture, the first cell of a cluster's row."""

    caption: str
    picture: UInt8Array | None = None
    cluster: int = -1


def save_sheet(run: Run, stage: str, out: Path, count: int | None = None) -> None:
    """Write the contact sheet of a stage as PNG.

    Args:
        run: The run.
        stage: What is shown: a grid of images; for `cluster` a row per cluster, the largest first, of the masks next to
            its centroid.
        out: The file.
        count: Images on the sheet, spread evenly over all; for `cluster`, masks per cluster.

    Raises:
        MissingArtifact: The stage is not finished.
    """
    if stage == CLUSTERS.stage:
        _save_cluster_sheet(run, out, count or MASKS_PER_CLUSTER)
        return
    ids = (run.labels(stage) if stage in LABELS else run.masks(stage)).image_ids
    chosen = np.unique(np.linspace(0, len(ids) - 1, min(count or IMAGES_PER_SHEET, len(ids))).round().astype(int))
    cells = [_image_cell(run, stage, ids[i]) for i in chosen]
    title = f"{NAME_OF[stage]}: {len(cells)} of {len(ids):,} images"
    save_png(_assemble(title, cells, min(_COLUMNS, len(cells))), out)


def _save_cluster_sheet(run: Run, out: Path, per_cluster: int) -> None:
    clusters = run.clusters()
    shown = largest_clusters(clusters)
    ranked = by_distance(clusters)
    cells = [cell for cluster in shown for cell in _cluster_row(run, cluster, ranked[cluster].tolist(), per_cluster)]
    title = f"{len(shown)} of {clusters.k} clusters, {len(clusters):,} masks; the most typical masks of each"
    save_png(_assemble(title, cells, per_cluster + 1), out)


def _cluster_row(run: Run, cluster: int, ranked: list[int], count: int) -> Iterator[Cell]:
    masks, clusters = run.masks(CLUSTERS.stage), run.clusters()
    yield Cell(f"{run.name_of(cluster)}\n{len(ranked):,} masks", cluster=cluster)
    for row in ranked[:count]:
        image_id, mask = masks.image_ids[masks.image[row]], masks.decode(row)
        image = _read(run, image_id, mask.shape)
        picture = cut_out(image, mask, masks.bbox_xywh[row].tolist(), cluster)
        yield Cell(f"{clusters.distance[row]:.2f}  {image_id}", picture, cluster)
    for _ in range(count - len(ranked)):
        yield Cell("")


def _image_cell(run: Run, stage: str, image_id: str) -> Cell:
    image = _read(run, image_id, _made_size(run, stage, image_id))
    return Cell(image_id, draw_stage(run, stage, image_id, image))


def _read(run: Run, image_id: str, size_hw: tuple[int, ...] | None) -> UInt8Array:
    """An image; grey where it is not there any more, or has another size."""
    try:
        image = run.source.read(run.source.index(image_id))
        return image if size_hw in (None, image.shape[:2]) else grey(size_hw or ())
    except UnreadableImage:
        return grey(size_hw or (_CELL, _CELL))


def _made_size(run: Run, stage: str, image_id: str) -> tuple[int, ...] | None:
    """Height and width, px, of what a stage made of an image; None where that is nothing."""
    if stage in LABELS:
        labels = run.labels(stage)
        return labels.read(labels.index(image_id)).shape
    masks = run.masks(stage)
    rows = masks.rows_of(masks.index(image_id))
    return tuple(masks.size_hw[rows[0]].tolist()) if len(rows) else None


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
