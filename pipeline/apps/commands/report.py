"""The command `report`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from maskdistill.pipeline.apps.commands.options import (
    ConfigOption,
    RangeOption,
    RunOption,
    SetOption,
    config_source,
    print_line,
)
from maskdistill.pipeline.finished import FinishedPlan


def report(
    config: ConfigOption = None,
    overrides: SetOption = None,
    run_name: RunOption = None,
    out: Annotated[Path, typer.Option(help="HTML page to write; it needs no other file.")] = Path("report.html"),
    markdown: Annotated[Path | None, typer.Option(help="Markdown file to write the same tables to.")] = None,
    k: RangeOption = None,
) -> None:
    """Write what a run made as one page: what each stage buys, curves, classes, pictures, settings and provenance."""
    from maskdistill.pipeline.apps.inspect.numbers_of_clusters import read_range
    from maskdistill.pipeline.apps.report.build import build_report, write_report

    k_range = read_range(k) if k else None
    made = build_report(FinishedPlan(config_source(config, overrides, run_name)), Console(stderr=True), k_range)
    for path in write_report(made, out, markdown):
        print_line(path)
