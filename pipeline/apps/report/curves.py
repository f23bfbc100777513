"""Training curves of every network that the run trained."""

import re
from collections.abc import Mapping
from typing import Any

from maskdistill.pipeline.apps.report.blocks import Block, Chart, Charts, Section
from maskdistill.pipeline.apps.report.charts import loss_chart
from maskdistill.pipeline.apps.report.record import FINAL, RunRecord

_NETWORKS = {"pretrain": "ViT", "distill": "detector", FINAL: "segmenter"}
_NOTHING_TO_TRAIN = ("mine", "cluster", "filter")


def curves_section(record: RunRecord) -> Section:
    """The losses as they were, smoothed, and split into their parts where there are several."""
    blocks: list[Block] = []
    for stage in record.planned:
        if stage in _NOTHING_TO_TRAIN:
            continue
        network = _NETWORKS.get(stage, stage)
        charts = [
            chart
            for folder, columns in record.losses(stage).items()
            for chart in _charts(network if folder == "." else f"{network}, {_readable(folder)}", columns)
        ]
        if charts:
            blocks.append(Charts(charts))
    blocks += record.missing(*set(record.planned).difference(_NOTHING_TO_TRAIN))
    lead = "Faint: the loss of each iteration. Strong: its moving average over a twenty-fifth of the training."
    return Section("training", "Training", lead, blocks)


def _charts(name: str, columns: Mapping[str, Any]) -> list[Chart]:
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
