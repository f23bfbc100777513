"""One picture of a run, or of several methods: some images, what was made of them, the ground truth, and a legend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.errors import InputError, UnreadableImage
from maskdistill.data.naming import cluster_name
from maskdistill.pipeline.apps.drawing.cells import fit, save_png
from maskdistill.pipeline.apps.drawing.legend import FONT_SIZE, draw_legend
from maskdistill.pipeline.apps.drawing.stage import draw_stage, draw_truth
from maskdistill.pipeline.apps.output_names import VIEWS
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.dag import SEGMENT
from maskdistill.stages.evaluate.truth import Truth

_CELL = 200
_GAP = 4
_HEADER = 22


@dataclass(frozen=True)
class Column:
    """One column of a picture: the masks or label maps of a stage of a run, under a title."""

    title: str
    run: Run
    stage: str


def save_gallery(run: Run, out: Path, n_images: int = 8) -> None:
    """Write the picture of a finished run as PNG; the ground truth has the colours of the matched clusters.

    Args:
        run: The run.
        out: The file.
        n_images: Rows of the picture; images spread evenly over the validation images, or over all without any.

    Raises:
        MissingArtifact: A stage has not been made.
    """
    scores = run.scores(SEGMENT.name)
    matched = (scores.get("val") or scores.get("train") or {}).get("class_of_cluster", {})
    columns = [Column(view, run, stage) for view, stage in _views(run).items()]
    names = {int(cluster): name for cluster, name in matched.items()} | dict(run.cluster_names)
    legend = [cluster_name(number, names) for number in range(run.plan.n_clusters or 0)]
    draw_columns(columns, out, n_images, matched, legend)


def draw_columns(
    columns: Sequence[Column],
    out: Path,
    n_images: int,
    class_of_cluster: Mapping[str, str] | None = None,
    legend: Sequence[str] = (),
) -> None:
    """Write a picture as PNG: the image, all columns, and the ground truth where there is any.

    Args:
        columns: At least one; all of runs on the same images.
        out: The file.
        n_images: Rows; images spread evenly over the validation images, or over all without any.
        class_of_cluster: Gives the ground truth the colours of clusters; None = each class its own.
        legend: Names of the clusters that stand below.

    Raises:
        InputError: No image is there any more, or a stage made nothing of one.
        MissingArtifact: A stage has not been made.
    """
    run = columns[0].run
    source, excluded = run.source, set(run.plan.edits.images.excluded)
    shown = [index for index, image_id in enumerate(source.ids) if image_id not in excluded]
    shown = [index for index in shown if index >= source.n_train] or shown
    chosen = [shown[i] for i in np.unique(np.linspace(0, len(shown) - 1, n_images).round().astype(int))]
    rows = [row for index in chosen if (row := _row(columns, index, class_of_cluster))]
    if not rows:
        raise InputError(f"gallery: none of the {len(chosen)} images of the picture is there any more; put some back")
    titles = ["image", *(column.title for column in columns), *(["ground truth"] if source.class_names else [])]
    save_png(_assemble(titles, rows, draw_legend(legend, _width(titles))), out)


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


def _row(columns: Sequence[Column], index: int, class_of_cluster: Mapping[str, str] | None) -> list[UInt8Array]:
    """The pictures of an image; none where it is gone since the runs were made."""
    run = columns[0].run
    source = run.source
    try:
        image = source.read(index)
        pictures = [draw_stage(column.run, column.stage, source.ids[index], image) for column in columns]
    except UnreadableImage:
        return []
    if source.class_names is None:
        return [image, *pictures]
    truth = Truth(run.plan.config.evaluate, source)
    labels = truth.labels(index)
    own = {str(number): name for number, name in enumerate(truth.class_names)}
    colours = own if class_of_cluster is None else class_of_cluster
    drawn = image if labels is None else draw_truth(image, labels, truth.class_names, colours)
    return [image, *pictures, drawn]


def _width(titles: list[str]) -> int:
    return (_CELL + _GAP) * len(titles) + _GAP


def _assemble(titles: list[str], rows: list[list[UInt8Array]], legend: Image.Image) -> Image.Image:
    cells = [[fit(picture, _CELL) for picture in row] for row in rows]
    tops = np.cumsum([_HEADER + _GAP, *(row[0].height + _GAP for row in cells)]).tolist()
    canvas = Image.new("RGB", (_width(titles), tops[-1] + legend.height), (24, 24, 24))
    canvas.paste(legend, (0, tops[-1]))
    draw = ImageDraw.Draw(canvas)
    for column, title in enumerate(titles):
        left = _GAP + column * (_CELL + _GAP)
        draw.text((left, 4), title, fill=(235, 235, 235), font_size=FONT_SIZE)
        for row, top in zip(cells, tops, strict=False):
            canvas.paste(row[column], (left + (_CELL - row[column].width) // 2, top))
    return canvas
