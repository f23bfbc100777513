"""Prints what a run made: the table at its end, and what to know beside it."""

import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Column, Table

from maskdistill.data.catalog import SEGMENTER
from maskdistill.pipeline.config import Config
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.results import SPLITS, StageResult, result_rows
from maskdistill.pipeline.runs import NamedRun


def print_results(results: Sequence[StageResult], console: Console, note: str) -> None:
    """Print the table of the stages, with a note below it."""
    rows = result_rows(results)
    # Where it is tight, the headings of the metrics are to wrap before anything else does.
    columns = [Column(name, no_wrap=name in ("stage", "made", "time")) for name in rows[0] if name != "key"]
    table = Table(*columns, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for row in rows:
        table.add_row(*(value for name, value in row.items() if name != "key"))
    console.print(table)
    console.print("\n".join([_describe_scores(results), note]), soft_wrap=True, highlight=False)


def describe_run(plan: Plan, results: Collection[StageResult], picture: Path | None, run: NamedRun | None) -> str:
    """What to say below the table: where artifacts and picture lie, the detector's library, and what to do next."""
    lines = [f"artifacts: {plan.store.root}"]
    if any(result.stage == "distill" for result in results):
        lines.append(f"detector: {plan.config.distill.backend}")
    if picture is not None:
        lines.append(f"picture: {picture}")
    if plan.config.mine.own.looks_with_vit and plan.config.mine.weights.origin == "untrained":
        lines.append("mine.weights is random: masks of an untrained ViT mean nothing, nor does what follows from them")
    return "\n".join([*lines, *_what_next(plan, results, run)])


def _what_next(plan: Plan, results: Collection[StageResult], run: NamedRun | None) -> list[str]:
    root = plan.store.root
    place = "" if root == Path(Config.model_fields["artifacts"].default) else f" -s artifacts={shlex.quote(str(root))}"
    which = f"--run {run.name}{place}" if run else plan.config_source.arguments()
    lines = [f"look: maskdistill view {which}"]
    if any(result.stage == SEGMENTER.stage for result in results):
        model = SEGMENTER.path({SEGMENTER.stage: plan.path(SEGMENTER.stage)})
        use = f"maskdistill predict --model {shlex.quote(str(model))} IMAGES"
        lines = [f"model: {model}", *lines, f"use: {use}"]
    return lines


def _describe_scores(results: Sequence[StageResult]) -> str:
    splits = [split for split in SPLITS if any(split in result.scores for result in results)]
    return f"scores on {'/'.join(SPLITS[split] for split in splits)} images" if splits else "no ground truth"
