"""The command `evaluate`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from maskdistill.pipeline.apps.commands.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    SetOption,
    config_source,
    output,
    print_json,
)
from maskdistill.pipeline.dag import STAGE_NAMES, find_stage
from maskdistill.pipeline.plan import Plan
from maskdistill.stages.evaluate.metrics import METRICS, scalar_names

_SPLITS = {"train": "training images", "val": "validation images"}


def evaluate(
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    stage: Annotated[str | None, typer.Option(help=f"Only this one of {', '.join(STAGE_NAMES)}.")] = None,
    seeds: Annotated[
        int | None, typer.Option(min=2, help="Run with seeds 0 to N-1, or find it run: mean and standard deviation.")
    ] = None,
    linear_probe: Annotated[
        bool, typer.Option("--linear-probe", help="Train a linear classifier of the final features on ground truth.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Score the finished stages against the ground truth: every figure there is."""
    from maskdistill.pipeline.variants import finished_scores, mean_and_deviation, scores_of_seeds

    source, console = config_source(config, overrides), Console(stderr=True)
    if stage:
        find_stage(stage)
    scores: Any
    if seeds:
        runs = scores_of_seeds(source, seeds, console, stage, linear_probe=linear_probe)
        scores = mean_and_deviation(runs)
    else:
        scores = finished_scores(Plan(source), console, stage, linear_probe=linear_probe)
    if as_json:
        print_json(scores)
    else:
        print_scores(scores, output())


def print_scores(scores: Mapping[str, Mapping[str, Mapping[str, Any]]], console: Console) -> None:
    """Print a table for each split: a row for each figure, a column for each stage or baseline."""
    for split, images in _SPLITS.items():
        columns = {name: found[split] for name, found in scores.items() if split in found}
        rows = [name for name in scalar_names() if any(name in figures for figures in columns.values())]
        if not rows:
            continue
        table = Table(images, *columns, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
        for name in rows:
            table.add_row(METRICS[name].title, *(_format(figures.get(name)) for figures in columns.values()))
        console.print(table)
        console.print()


def _format(figure: Any) -> str:
    if figure is None:
        return ""
    return f"{figure:.3f}" if isinstance(figure, float) else f"{figure['mean']:.3f} ± {figure['std']:.3f}"
