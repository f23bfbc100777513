"""The command `evaluate`."""

from typing import Annotated, Any

import typer
from rich.console import Console

from maskdistill.pipeline.apps.commands.options import (
    ConfigOption,
    JsonOption,
    RunOption,
    SetOption,
    config_source,
    output,
    print_json,
)
from maskdistill.pipeline.dag import STAGE_NAMES, find_stage
from maskdistill.pipeline.interrupt import interruptible
from maskdistill.pipeline.plan import Plan


@interruptible()
def evaluate(
    config: ConfigOption = None,
    overrides: SetOption = None,
    run_name: RunOption = None,
    stage: Annotated[str | None, typer.Option(help=f"Only this one of {', '.join(STAGE_NAMES)}.")] = None,
    seeds: Annotated[
        int | None, typer.Option(min=2, help="Run with seeds 0 to N-1, or find it run: mean and standard deviation.")
    ] = None,
    linear_probe: Annotated[
        bool, typer.Option("--linear-probe", help="Train a linear classifier of the final features on ground truth.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Score the finished stages against the ground truth: every metric there is."""
    from maskdistill.pipeline.apps.tables.scores import print_scores
    from maskdistill.pipeline.variants import finished_scores, mean_and_deviation, scores_of_seeds

    plan, console = Plan(config_source(config, overrides, run_name)), Console(stderr=True)
    if stage:
        find_stage(stage)
    scores: Any
    if seeds:
        runs = scores_of_seeds(plan, seeds, console, stage, linear_probe=linear_probe)
        scores = mean_and_deviation(runs)
    else:
        scores = finished_scores(plan, console, stage, linear_probe=linear_probe)
    if as_json:
        print_json(scores)
    else:
        print_scores(scores, output())
