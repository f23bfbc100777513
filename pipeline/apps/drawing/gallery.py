"""One picture of a whole run: for some images the photo, what each stage made of it, and the ground truth."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.pipeline.apps.drawing.cells import fit, save_png
from maskdistill.pipeline.apps.drawing.overlay import draw_labels
from maskdistill.pipeline.apps.inspect.views import View
from maskdistill.pipeline.plan import Plan

_CELL = 200
_GAP = 4
_HEADER = 22
_COLUMNS = ("masks", "clusters", "candidates", "pseudo-labels", "predictions")


def save_gallery(plan: Plan, scores: Mapping[str, Any], out: Path, n_images: int = 8) -> None:
    """Write the picture of a finished run as PNG.

    Args:
        plan: The run.
        scores: Scores of its last stage; they tell the colours of the ground truth, that of the matched cluster.
        out: The file.
        n_images: Rows of the picture; images spread evenly over the validation images, or over all without any.

    Raises:
        MissingArtifact: A stage has not been made.
    """
    source = plan.source
    views = [View.of(plan, name) for name in _COLUMNS]
    first = source.n_train if source.n_train < len(source) else 0
    chosen = np.unique(np.linspace(first, len(source) - 1, n_images).round().astype(int))
    truth = _truth_painter(source, scores.get("val") or scores.get("train") or {})
    rows = [_row(views, source, int(index), truth) for index in chosen]
    titles = ["image", *_COLUMNS, *(["ground truth"] if truth else [])]
    save_png(_assemble(titles, rows), out)


def _row(views: list[View], source: ImageSource, index: int, truth: Callable[..., UInt8Array] | None) -> list[Any]:
    image, image_id = source.read(index), source.ids[index]
    pictures = [image, *(view.draw(image_id, image, captions=False) for view in views)]
    return [*pictures, truth(index, image)] if truth else pictures


def _truth_painter(source: ImageSource, scores: Mapping[str, Any]) -> Callable[[int, UInt8Array], UInt8Array] | None:
    names = source.class_names
    if names is None:
        return None
    cluster_of = {name: int(cluster) for cluster, name in scores.get("class_of_cluster", {}).items()}

    def paint(index: int, image: UInt8Array) -> UInt8Array:
        labels = source.read_labels(index)
        return image if labels is None else draw_labels(image, labels, lambda value: cluster_of.get(names[value], -1))

    return paint


def _assemble(titles: list[str], rows: list[list[UInt8Array]]) -> Image.Image:
    cells = [[fit(picture, _CELL) for picture in row] for row in rows]
    tops = np.cumsum([_HEADER + _GAP, *(row[0].height + _GAP for row in cells)]).tolist()
    canvas = Image.new("RGB", ((_CELL + _GAP) * len(titles) + _GAP, tops[-1]), (24, 24, 24))
    draw = ImageDraw.Draw(canvas)
    for column, title in enumerate(titles):
        left = _GAP + column * (_CELL + _GAP)
        draw.text((left, 4), title, fill=(235, 235, 235), font_size=14)
        for row, top in zip(cells, tops, strict=False):
            canvas.paste(row[column], (left + (_CELL - row[column].width) // 2, top))
    return canvas
