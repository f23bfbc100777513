"""Prints every metric of the stages that were scored."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from maskdistill.pipeline.results import SPLITS
from maskdistill.stages.evaluate.metrics import METRICS, scalar_names


def print_scores(scores: Mapping[str, Mapping[str, Mapping[str, Any]]], console: Console) -> None:
    """Print a table for each split: a row for each metric, a column for each stage or baseline.

    Args:
        scores: By stage, split and name a number, or of several seeds a dict with `mean` and `std`.
        console: Where to print.
    """
    for split, images in SPLITS.items():
        columns = {name: found[split] for name, found in scores.items() if split in found}
        rows = [name for name in scalar_names() if any(name in metrics for metrics in columns.values())]
        if not rows:
            continue
        table = Table(f"{images} images", *columns, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
        for name in rows:
            table.add_row(METRICS[name].title, *(_format(metrics.get(name)) for metrics in columns.values()))
        console.print(table)
        console.print()


def _format(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else f"{value['mean']:.3f} ± {value['std']:.3f}"
