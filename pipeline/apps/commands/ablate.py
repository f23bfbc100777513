"""The command `ablate`."""

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
    print_line,
)
from maskdistill.pipeline.interrupt import interruptible
from maskdistill.pipeline.plan import Plan


@interruptible()
def ablate(
    config: ConfigOption = None,
    overrides: SetOption = None,
    run_name: RunOption = None,
    sweep: Annotated[
        str | None,
        typer.Option(metavar="SETTING=A,B,C", help="Vary this setting, as filter.threshold=0.5,0.7,0.9."),
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="STAGE", help="Last stage to run.")] = None,
    out: Annotated[
        list[Path] | None, typer.Option(help="File to write the results to: .md, .json or .csv; may be repeated.")
    ] = None,
) -> None:
    """Train the final model from each set of masks - initial, candidates, confident - or for each value of a setting.

    What does not depend on the setting is made once; a second time all of it is cached.
    """
    from maskdistill.pipeline.apps.compare.sweep import MASK_SETS, Sweep, run_sweep
    from maskdistill.pipeline.apps.tables.comparison import check_format, compare, write_comparison
    from maskdistill.pipeline.apps.tables.terminal import print_table

    chosen = Sweep.parse(sweep) if sweep else MASK_SETS
    for path in out or ():
        check_format(path)
    outcomes = run_sweep(Plan(config_source(config, overrides, run_name)), chosen, Console(stderr=True), last)
    print_table(compare(chosen.setting, outcomes), output())
    for path in out or ():
        write_comparison(path, chosen.setting, outcomes)
        print_line(path)
    failed = [str(outcome.value) for outcome in outcomes if outcome.error]
    if failed:
        raise MaskDistillError(f"{chosen.setting} = {', '.join(failed)}: failed; the reasons stand above")
