"""One picture of a whole run: for some images the photo, what each stage made of it, and the ground truth."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.errors import InputError, UnreadableImage
from maskdistill.pipeline.apps.drawing.cells import fit, save_png
from maskdistill.pipeline.apps.drawing.stage import draw_stage, draw_truth
from maskdistill.pipeline.apps.output_names import VIEWS
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.dag import SEGMENT
from maskdistill.stages.evaluate.truth import Truth

_CELL = 200
_GAP = 4
_HEADER = 22


def save_gallery(run: Run, out: Path, n_images: int = 8) -> None:
    """Write the picture of a finished run as PNG; the ground truth has the colours of the matched clusters.

    Args:
        run: The run.
        out: The file.
        n_images: Rows of the picture; images spread evenly over the validation images, or over all without any.

    Raises:
        MissingArtifact: A stage has not been made.
    """
    source = run.source
    scores = run.scores(SEGMENT.name)
    excluded = set(run.plan.edits.images.excluded)
    shown = [index for index, image_id in enumerate(source.ids) if image_id not in excluded]
    shown = [index for index in shown if index >= source.n_train] or shown
    chosen = [shown[i] for i in np.unique(np.linspace(0, len(shown) - 1, n_images).round().astype(int))]
    matched = (scores.get("val") or scores.get("train") or {}).get("class_of_cluster", {})
    rows = [row for index in chosen if (row := _row(run, index, matched))]
    if not rows:
        raise InputError(f"gallery: none of the {len(chosen)} images of the picture is there any more; put some back")
    titles = ["image", *_views(run), *(["ground truth"] if source.class_names else [])]
    save_png(_assemble(titles, rows), out)


def keep_gallery(run: Run, *, anew: bool) -> Path | None:
    """The picture of a run beside its artifacts, drawn where it is not there or is to be drawn `anew`.

    None where a stage is missing from the run, or has not been made.
    """
    if not run.has(SEGMENT.name, *_views(run).values()):
        return None
    picture = run.plan.store.gallery_path(run.plan.stages[SEGMENT.name].key)
    if anew or not picture.exists():
        try:
            save_gallery(run, picture)
        except OSError:  # a folder that may only be read, or an image that is gone
            return None
    return picture


def _views(run: Run) -> Mapping[str, str]:
    """The views of the stages that the run consists of."""
    return {view: stage for view, stage in VIEWS.items() if stage in run.stages}


def _row(run: Run, index: int, class_of_cluster: Mapping[str, str]) -> list[UInt8Array]:
    """The pictures of an image; none where it is gone since the run was made."""
    source = run.source
    try:
        image = source.read(index)
        pictures = [image, *(draw_stage(run, stage, source.ids[index], image) for stage in _views(run).values())]
    except UnreadableImage:
        return []
    if source.class_names is None:
        return pictures
    truth = Truth(run.plan.config.evaluate, source)
    labels = truth.labels(index)
    drawn = image if labels is None else draw_truth(image, labels, truth.class_names, class_of_cluster)
    return [*pictures, drawn]


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
