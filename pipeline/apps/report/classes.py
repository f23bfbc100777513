"""Class by class: IoU after each stage, and which classes the final model takes for which."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maskdistill.pipeline.apps.report.blocks import Block, Charts, Note, Section
from maskdistill.pipeline.apps.report.charts import heat_map
from maskdistill.pipeline.apps.report.reported_run import FINAL, ReportedRun
from maskdistill.pipeline.apps.tables.numbers import share
from maskdistill.pipeline.apps.tables.table import EMPTY, Cell, Row, Table

_STAGES = ("cluster", "distill", "filter", FINAL)
_MOST_CONFUSIONS = 10


def classes_section(run: ReportedRun) -> Section:
    """IoU of each class stage by stage, and the confusion matrix of the final model."""
    lead = f"On the {run.split_name}. A class that no cluster was matched to has an IoU of 0."
    blocks: list[Block] = []
    if any("iou_per_class" in run.metrics(stage) for stage in _STAGES):
        blocks.append(class_table(run))
    if confusion := run.metrics(FINAL).get("confusion"):
        blocks += confusion_blocks(confusion["classes"], np.asarray(confusion["px"], dtype=np.int64))
    blocks += run.missing(FINAL)
    return Section("classes", "Classes", lead, blocks or [Note("The data has no ground truth.")])


def confusion_blocks(names: Sequence[str], px: NDArray[np.int64]) -> list[Block]:
    """The matrix, each row as shares of its sum, and its largest entries beside the diagonal.

    Args:
        names: Name of each class, background first.
        px: int64 (T, T + 1), px by true and predicted class; the last column holds unmatched clusters.
    """
    # Classes that the split shows; and as columns those too that are predicted, and the unmatched clusters.
    true: list[int] = np.flatnonzero(px.sum(axis=1)).tolist()
    predicted: list[int] = np.flatnonzero(px.sum(axis=0) + np.append(px.sum(axis=1), 1)).tolist()
    shares = px[np.ix_(true, predicted)] / px[true].sum(axis=1, keepdims=True)
    rows, columns = [names[i] for i in true], [(*names, "unmatched")[j] for j in predicted]
    title = "Fraction of the pixels of each true class (row) by predicted class (column)"
    chart = heat_map(title, shares, rows, columns)
    return [Charts([chart], wide=True), confusion_table(shares, rows, columns)]


def class_table(run: ReportedRun) -> Table:
    """IoU of each class after each finished stage, best of the last one first."""
    ious = {stage: run.metrics(stage).get("iou_per_class") for stage in _STAGES}
    found = {stage: iou for stage, iou in ious.items() if iou}
    last = next(reversed(found.values()))
    names = sorted(last, key=lambda name: (name != "background", -last[name]))
    rows: list[Row] = [[name, *(_iou_cell(iou.get(name)) for iou in found.values())] for name in names]
    return Table("IoU of each class, stage by stage", ("class", *found), rows)


def confusion_table(shares: NDArray[np.float64], true: list[str], predicted: list[str]) -> Table:
    """The largest confusions: true class, class it is taken for, fraction of its pixels."""
    pairs = [
        (float(shares[i, j]), name, predicted[j])
        for i, name in enumerate(true)
        for j in range(len(predicted))
        if predicted[j] != name and shares[i, j] > 0
    ]
    largest = sorted(pairs, reverse=True)[:_MOST_CONFUSIONS]
    rows: list[Row] = [[name, other, Cell(share(value), bar=value)] for value, name, other in largest]
    return Table("The largest confusions", ("true class", "taken for", "fraction of its pixels"), rows)


def _iou_cell(iou: float | None) -> str | Cell:
    return EMPTY if iou is None else Cell(share(iou), bar=iou)
