"""Training curves of every network that the run trained."""

import json
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.catalog import TRAINING_LOG
from maskdistill.pipeline.apps.report.blocks import Block, Chart, Charts, Note, Section
from maskdistill.pipeline.apps.report.charts import loss_chart
from maskdistill.pipeline.apps.report.reported_run import FINAL, ReportedRun

Columns = dict[str, NDArray[np.float64]]
"""What a log says of each iteration, by name."""
_NETWORKS = {"pretrain": "ViT", "distill": "detector", FINAL: "segmenter"}
_NOTHING_TO_TRAIN = ("mine", "cluster", "filter")


def curves_section(run: ReportedRun) -> Section:
    """The losses as they were, smoothed, and split into their parts where there are several."""
    blocks: list[Block] = []
    for stage in run.stages:
        if stage in _NOTHING_TO_TRAIN:
            continue
        network = _NETWORKS.get(stage, stage)
        charts = [
            chart
            for folder, columns in _losses(run, stage).items()
            for chart in _charts(network if folder == "." else f"{network}, {_readable(folder)}", columns)
        ]
        if charts:
            blocks.append(Charts(charts))
    blocks += run.missing(*set(run.stages).difference(_NOTHING_TO_TRAIN))
    lead = "Faint: the loss of each iteration. Strong: its moving average over a twenty-fifth of the training."
    nothing = [Note("No network of this run keeps a log of its losses: nothing was trained step by step.")]
    return Section("training", "Training", lead, blocks or nothing)


def _losses(run: ReportedRun, stage: str) -> dict[str, Columns]:
    """Columns of the training logs of a finished stage, by the folder below its artifact that each lies in."""
    if not run.has(stage):
        return {}
    folder = run.folder(stage)
    return {log.parent.relative_to(folder).as_posix(): _read_columns(log) for log in sorted(folder.rglob(TRAINING_LOG))}


def _read_columns(log: Path) -> Columns:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    names = [name for name in lines[0] if all(name in line for line in lines)] if lines else []
    return {name: np.asarray([line[name] for line in lines], dtype=float) for name in names}


def _charts(name: str, columns: Columns) -> list[Chart]:
    losses = {column: values for column, values in columns.items() if column not in ("iteration", "lr")}
    if "loss" not in losses:
        return []
    parts = {column.removeprefix("loss_").replace("_", " "): v for column, v in losses.items() if column != "loss"}
    charts = [loss_chart(f"Loss of the {name}", columns["iteration"], {"loss": losses["loss"]}, raw=True)]
    if parts:
        charts.append(loss_chart(f"Parts of the loss, {name}", columns["iteration"], parts, raw=False))
    return charts


def _readable(folder: str) -> str:
    return re.sub(r"[-_/]+", " ", folder)
