"""The command `compare`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from maskdistill.data.errors import MaskDistillError
from maskdistill.pipeline.apps.commands.options import (
    ConfigOption,
    RunOption,
    SetOption,
    config_source,
    output,
)
from maskdistill.pipeline.interrupt import interruptible
from maskdistill.pipeline.plan import Plan


@interruptible()
def compare(
    config: ConfigOption = None,
    overrides: SetOption = None,
    run_name: RunOption = None,
    variants: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="SETTINGS",
            help="What to compare with: settings with spaces between them, as 'mine.method=tokencut "
            "mine.tokencut.opening=1', or with several values each, as segment.head=linear,mcibi; may be repeated.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Run with seeds 0 to N-1.")] = 3,
    last: Annotated[str | None, typer.Option("--to", metavar="STAGE", help="Last stage to run.")] = None,
    out: Annotated[
        list[Path] | None, typer.Option(help="File to write the results to: .md, .json or .csv; may be repeated.")
    ] = None,
) -> None:
    """Run a configuration and variants of it with several seeds, and print one table: mean and standard deviation.

    What two runs have in common is made once; a second time all of it is cached.
    """
    from maskdistill.pipeline.apps.compare.methods import compare_variants, read_variants
    from maskdistill.pipeline.apps.tables.comparison import check_format
    from maskdistill.pipeline.apps.tables.methods import methods_table, write_methods
    from maskdistill.pipeline.apps.tables.terminal import print_table

    for path in out or ():
        check_format(path)
    chosen = read_variants(variants or [])
    compared = compare_variants(
        Plan(config_source(config, overrides, run_name)), chosen, seeds, Console(stderr=True), last
    )
    print_table(methods_table(compared), output())
    for path in out or ():
        write_methods(path, compared)
        print(path)
    failed = [one.name for one in compared if len(one.finished) < len(one.outcomes)]
    if failed:
        raise MaskDistillError(f"{'; '.join(failed)}: failed; the reasons stand above")
