"""The table that compares the values of a sweep, on the terminal and as Markdown, JSON or CSV."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from maskdistill.data.atomic import atomic_path
from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.compare.sweep import Outcome
from maskdistill.pipeline.apps.tables.markdown import table_to_markdown
from maskdistill.pipeline.apps.tables.table import EMPTY, Table
from maskdistill.pipeline.dag import STAGE_NAMES
from maskdistill.pipeline.results import StageResult

FORMATS = (".md", ".json", ".csv")
COLUMNS = {
    "mined masks, foreground IoU": ("mine", "foreground_iou"),
    "mined masks, mIoU": ("cluster", "miou"),
    "patches, mIoU": ("correspond", "miou"),
    "candidates, AP50": ("distill", "ap50"),
    "candidates, mIoU": ("distill", "miou"),
    "pseudo-labels, mIoU": ("filter", "miou"),
    "pseudo-labels, majority mIoU": ("filter", "miou_majority"),
    "final model, mIoU": ("segment", "miou"),
    "final model with CRF, mIoU": ("segment", "miou_crf"),
    "final model, majority mIoU": ("segment", "miou_majority"),
}
"""Scores by what they are called in comparisons: stage and metric."""
_MASK_STAGES = ("filter", "distill", "mine")
"""The stages that make masks, the last one first."""


def compare(setting: str, outcomes: Sequence[Outcome], *, with_new: bool = True) -> Table:
    """One row per value: scores from the stage of the setting on, and where wanted what was made new."""
    rows = [_row(outcome) for outcome in outcomes]
    affected = _affected_stages(setting)
    scores = [name for name, (stage, _) in COLUMNS.items() if stage in affected and any(row[name] for row in rows)]
    columns = ["masks", *scores, *(["made new"] if with_new else [])]
    cells = [
        [str(outcome.value), *(row[name] or EMPTY for name in columns)]
        for outcome, row in zip(outcomes, rows, strict=True)
    ]
    scored = any(row[name] for row in rows for name in COLUMNS)
    note = "Scores on training / validation images." if scored else "No ground truth."
    return Table(f"Results by {setting}", [setting, *columns], cells, note)


def check_format(out: Path) -> None:
    """Raise InputError unless the ending of a file to write is that of a known format."""
    if out.suffix not in FORMATS:
        raise InputError(f"--out {out}: the ending says how to write it; it must be one of {', '.join(FORMATS)}")


def write_comparison(out: Path, setting: str, outcomes: Sequence[Outcome]) -> None:
    """Write what came out of a sweep: the table as Markdown, or all metrics as JSON or CSV, by the file's ending."""
    check_format(out)
    if out.suffix == ".md":
        text = table_to_markdown(compare(setting, outcomes)) + "\n"
    elif out.suffix == ".json":
        text = json.dumps({"setting": setting, "outcomes": [asdict(outcome) for outcome in outcomes]}, indent=1) + "\n"
    else:
        text = _to_csv(setting, outcomes)
    with atomic_path(out) as temporary:
        temporary.write_text(text)


def _affected_stages(setting: str) -> Sequence[str]:
    """The stages from that of a setting on; all of them where it is another kind of setting."""
    section = setting.partition(".")[0]
    return STAGE_NAMES[STAGE_NAMES.index(section) :] if section in STAGE_NAMES else STAGE_NAMES


def _row(outcome: Outcome) -> dict[str, str]:
    by_stage = {result.stage: result for result in outcome.results}
    row = {
        name: by_stage[stage].score(metric) if stage in by_stage else "" for name, (stage, metric) in COLUMNS.items()
    }
    new = [result.stage for result in outcome.results if not result.cached]
    row["masks"] = next((str(by_stage[stage].items) for stage in _MASK_STAGES if stage in by_stage), "")
    row["made new"] = f"failed: {outcome.error}" if outcome.error else ", ".join(new) or "nothing"
    return row


def _to_csv(setting: str, outcomes: Sequence[Outcome]) -> str:
    """One line per metric: value, stage, split, metric, score."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([setting, "stage", "split", "metric", "score"])
    for outcome in outcomes:
        for result in outcome.results:
            writer.writerows([outcome.value, result.stage, *metric] for metric in _metrics(result))
    return text.getvalue()


def _metrics(result: StageResult) -> Iterator[tuple[str, str, float]]:
    splits: Mapping[str, Any] = result.scores
    for split, metrics in splits.items():
        if isinstance(metrics, Mapping):
            yield from ((split, name, value) for name, value in metrics.items() if isinstance(value, int | float))
