"""The table that compares methods over several seeds, on the terminal and as Markdown, JSON or CSV."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from maskdistill.data.atomic import atomic_path
from maskdistill.pipeline.apps.compare.methods import Compared
from maskdistill.pipeline.apps.tables.comparison import COLUMNS, check_format
from maskdistill.pipeline.apps.tables.markdown import table_to_markdown
from maskdistill.pipeline.apps.tables.table import EMPTY, Table
from maskdistill.pipeline.formatting import format_seconds
from maskdistill.pipeline.results import SPLITS

_COLUMNS = {"mined masks, CorLoc": ("mine", "corloc"), **COLUMNS}


def methods_table(compared: Sequence[Compared], *, with_time: bool = True) -> Table:
    """One row per variant: mean and deviation of what the variants differ in, on validation images where there are any.

    Where no score differs, that of the last stage is shown.
    """
    split = _split_of(compared)
    cells = {name: [_cell(one, split, *place) for one in compared] for name, place in _COLUMNS.items()}
    cells = {name: column for name, column in cells.items() if set(column) != {EMPTY}}
    differing = [name for name, column in cells.items() if len(set(column)) > 1]
    shown = differing or list(cells)[-1:]
    rows = [
        [one.name, _seeds(one), *(cells[name][row] for name in shown), *([_time(one)] if with_time else [])]
        for row, one in enumerate(compared)
    ]
    scored = f"Mean and standard deviation over the seeds, on {SPLITS[split]} images."
    note = scored if cells else "No ground truth."
    return Table("Methods compared", ["variant", "seeds", *shown, *(["time"] if with_time else [])], rows, note)


def write_methods(out: Path, compared: Sequence[Compared]) -> None:
    """Write the table as Markdown, or all metrics of all seeds as JSON or CSV, by the file's ending."""
    check_format(out)
    if out.suffix == ".md":
        text = table_to_markdown(methods_table(compared)) + "\n"
    elif out.suffix == ".json":
        text = json.dumps([{**asdict(one), "scores": one.scores} for one in compared], indent=1) + "\n"
    else:
        text = _to_csv(compared)
    with atomic_path(out) as temporary:
        temporary.write_text(text)


def _split_of(compared: Sequence[Compared]) -> str:
    splits = {split for one in compared for stage in one.scores.values() for split in stage}
    return "val" if "val" in splits else "train"


def _cell(one: Compared, split: str, stage: str, metric: str) -> str:
    found = one.scores.get(stage, {}).get(split, {}).get(metric)
    if found is None:
        return EMPTY
    return f"{found['mean']:.3f} ± {found['std']:.3f}" if len(found["values"]) > 1 else f"{found['mean']:.3f}"


def _seeds(one: Compared) -> str:
    """How many seeds there are, and how many of them failed."""
    failed = len(one.outcomes) - len(one.finished)
    return f"{len(one.finished)}, {failed} failed" if failed else str(len(one.finished))


def _time(one: Compared) -> str:
    return EMPTY if one.seconds is None else format_seconds(one.seconds)


def _to_csv(compared: Sequence[Compared]) -> str:
    """One line per metric: variant, stage, split, metric, seed, score."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["variant", "stage", "split", "metric", "seed", "score"])
    for one in compared:
        writer.writerows(_lines(one))
    return text.getvalue()


def _lines(one: Compared) -> Iterator[list[Any]]:
    seeds = [outcome.value for outcome in one.finished]
    for stage, splits in one.scores.items():
        for split, metrics in splits.items():
            for name, found in metrics.items():
                for seed, value in zip(seeds, found["values"], strict=True):
                    yield [one.name, stage, split, name, seed, value]
