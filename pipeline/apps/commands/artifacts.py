"""The commands that keep the artifact store in order: `status`, `verify` and `gc`."""

from typing import Annotated

import typer

from maskdistill.data.errors import MaskDistillError
from maskdistill.pipeline.apps.commands.options import (
    ConfigOption,
    JsonOption,
    RunOption,
    SetOption,
    config_source,
    output,
    print_json,
    print_line,
)
from maskdistill.pipeline.plan import Plan


def status(
    config: ConfigOption = None, overrides: SetOption = None, run_name: RunOption = None, as_json: JsonOption = False
) -> None:
    """Show per stage whether it is cached, and if not, which setting or input changed."""
    from maskdistill.pipeline.apps.tables.status import print_status
    from maskdistill.pipeline.upkeep.status import collect_status

    rows = collect_status(Plan(config_source(config, overrides, run_name)), ask_store=True)
    if as_json:
        print_json(rows)
    else:
        print_status(rows, output())


def verify(
    config: ConfigOption = None,
    overrides: SetOption = None,
    run_name: RunOption = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Remove what is damaged; the next run makes it anew.")
    ] = False,
) -> None:
    """Check every finished artifact of a configuration against its manifest."""
    from maskdistill.pipeline.upkeep.repair import repair_stage
    from maskdistill.pipeline.upkeep.verify import verify_stage

    plan = Plan(config_source(config, overrides, run_name))
    faults: list[str] = []
    for name in (spec.name for spec in plan.specs):
        found = verify_stage(plan, name)
        print(f"{name:<8} {plan.stages[name].key}  {'not made' if found is None else 'damaged' if found else 'sound'}")
        if found and repair:
            print("\n".join([*found, *(f"removed {path}" for path in repair_stage(plan, name))]))
        else:
            faults += found or []
    if faults:
        raise MaskDistillError("\n".join([*faults, "remove what is damaged with --repair; the next run makes it anew"]))


def gc(
    config: ConfigOption = None,
    overrides: SetOption = None,
    run_name: RunOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it they are only listed.")] = False,
) -> None:
    """List, and with --yes delete, the artifacts that this configuration does not use."""
    from maskdistill.pipeline.upkeep.gc import find_garbage, remove_garbage

    plan = Plan(config_source(config, overrides, run_name))
    folders = find_garbage(plan)
    for folder in folders:
        print_line(folder)
    left = remove_garbage(plan, folders) if yes else []
    print(f"{len(folders) - len(left)} artifacts {'deleted' if yes else 'to delete; add --yes to do it'}")
    if left:
        raise MaskDistillError("\n".join(left))
