"""The command `maskdistill`.

Exit codes: 0 well, 1 failure, 2 bad usage or configuration, 3 missing upstream artifact.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console

from data.errors import InputError, MaskDistillError
from pipeline.config import ConfigSource
from pipeline.dag import STAGE_NAMES, STAGES, find_stage, stage_range
from pipeline.plan import Plan
from pipeline.results import print_results
from pipeline.run import describe_run, finish_stage, forced_stages, run_stages, run_with_prefect

app = typer.Typer(
    name="maskdistill",
    help="Images in, a segmentation model out: unsupervised semantic segmentation by mask distillation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_app = typer.Typer(no_args_is_help=True, help="Show or check a configuration.")
app.add_typer(config_app, name="config")

ConfigOption = Annotated[
    list[Path], typer.Option("-c", "--config", help="YAML file of the experiment; a further one changes it.")
]
SetOption = Annotated[list[str] | None, typer.Option("-s", "--set", help="Override, as section.field=value.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
DEFAULT_CONFIG = [Path("configs/demo.yaml")]
VIEW_NAMES = ", ".join(spec.shows for spec in STAGES)


def _config_source(config: list[Path], overrides: list[str] | None) -> ConfigSource:
    return ConfigSource(tuple(config), tuple(overrides or ()))


def _output() -> Console:
    """Standard output; wide enough for the tables where it is not a terminal."""
    return Console(width=None if sys.stdout.isatty() else 120)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=1))


@app.command()
def run(
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    first: Annotated[str | None, typer.Option("--from", metavar="STAGE", help="First stage to run.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="STAGE", help="Last stage to run.")] = None,
    force: Annotated[
        str | None, typer.Option(metavar="STAGE", help="Make this stage and all that depend on it anew.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    prefect: Annotated[bool, typer.Option("--prefect/--no-prefect", help="Run as a Prefect flow.")] = True,
) -> None:
    """Run the pipeline: all stages that are not cached, in order."""
    plan = Plan(_config_source(config, overrides))
    stages = stage_range(plan.specs, first, last)
    forced = forced_stages(plan, find_stage(force).name if force else None)
    if first:
        for needed in plan.stages[first].inputs:
            plan.require(needed, f"--from {first}")
    waiting = [spec.name for spec in stages if spec.name in forced or plan.manifest(spec.name) is None]
    if dry_run:
        for spec in stages:
            todo = "would run" if spec.name in waiting else "cached"
            why = "forced" if spec.name in forced else plan.why_missing(spec.name)
            print(f"{spec.name:<8} {plan.stages[spec.name].key}  {todo}{f' ({why})' if spec.name in waiting else ''}")
        return
    console = Console(stderr=True)
    if prefect and waiting:
        results = run_with_prefect(plan, stages, console, forced=forced)
    else:
        results = run_stages(plan, stages, console, forced=forced)
    print_results(results, _output(), note=describe_run(plan, results))


@app.command()
def stage(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(STAGE_NAMES)}, pretrain.")],
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    force: Annotated[bool, typer.Option("--force", help="Make it anew although it is cached.")] = False,
) -> None:
    """Run one stage from the cached artifacts of those before it."""
    find_stage(name)
    plan = Plan(_config_source(config, overrides))
    for needed in plan.stages[name].inputs:
        plan.require(needed, f"stage {name}")
    result = finish_stage(plan, name, Console(stderr=True), force=force)
    print_results([result], _output(), note=f"artifact: {plan.path(name)}")


@app.command()
def status(config: ConfigOption = DEFAULT_CONFIG, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """Show per stage whether it is cached, and if not, which setting or input changed."""
    from pipeline.status import collect_status, print_status

    rows = collect_status(Plan(_config_source(config, overrides)))
    if as_json:
        _print_json(rows)
    else:
        print_status(rows, _output())


@app.command()
def inspect(
    view: Annotated[str, typer.Argument(help=f"One of {VIEW_NAMES}.")],
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    image: Annotated[str | None, typer.Option(help="Id of an image to draw.")] = None,
    out: Annotated[Path | None, typer.Option(help="PNG to write the drawn image to.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at what a stage made: figures of all of it, or a picture of one image."""
    from pipeline.inspect.tables import print_summary
    from pipeline.inspect.views import View

    if (image is None) != (out is None):
        raise InputError("inspect: --image ID and --out FILE.png go together")
    plan = Plan(_config_source(config, overrides))
    shown = View.of(plan, view)
    if image is not None and out is not None:
        shown.save_picture(image, plan.source, out)
        print(out)
    elif as_json:
        _print_json(shown.summary())
    else:
        print_summary(view, shown.summary(), _output())


@app.command()
def gallery(
    out: Annotated[Path, typer.Option(help="PNG to write.")],
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    images: Annotated[int, typer.Option(min=1, help="Number of images.")] = 8,
) -> None:
    """Draw what every stage made of some images, side by side with the ground truth."""
    from pipeline.evaluation import evaluate_stage
    from pipeline.inspect.gallery import save_gallery

    plan = Plan(_config_source(config, overrides))
    plan.require(STAGE_NAMES[-1], "gallery")
    save_gallery(plan, evaluate_stage(plan, STAGE_NAMES[-1], Console(stderr=True)), out, images)
    print(out)


@app.command()
def verify(config: ConfigOption = DEFAULT_CONFIG, overrides: SetOption = None) -> None:
    """Check every finished artifact of a configuration against its manifest."""
    from pipeline.verify import verify_artifact

    plan = Plan(_config_source(config, overrides))
    faults = []
    for name in (spec.name for spec in plan.specs):
        manifest = plan.manifest(name)
        found = verify_artifact(plan.path(name), manifest) if manifest else []
        faults += found
        print(f"{name:<8} {plan.stages[name].key}  {'not made' if not manifest else 'damaged' if found else 'sound'}")
    if faults:
        raise MaskDistillError("\n".join([*faults, "make a damaged stage anew with: maskdistill run --force STAGE"]))


@app.command()
def gc(
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it they are only listed.")] = False,
) -> None:
    """List, and with --yes delete, the artifacts that this configuration does not use."""
    from pipeline.collect import find_garbage, remove_garbage

    plan = Plan(_config_source(config, overrides))
    folders = find_garbage(plan)
    for folder in folders:
        print(folder)
    if yes:
        remove_garbage(plan, folders)
    print(f"{len(folders)} artifacts {'deleted' if yes else 'to delete; add --yes to do it'}")


@config_app.command()
def show(config: ConfigOption = DEFAULT_CONFIG, overrides: SetOption = None) -> None:
    """Print the configuration with every default filled in."""
    settings = _config_source(config, overrides).load().model_dump(mode="json")
    print(yaml.safe_dump(settings, sort_keys=False), end="")


@config_app.command()
def validate(config: ConfigOption = DEFAULT_CONFIG, overrides: SetOption = None) -> None:
    """Check a configuration, its data and its weight files without running anything."""
    plan = Plan(_config_source(config, overrides))
    print(
        f"{', '.join(map(str, config))}: valid; {len(plan.source)} images, {plan.source.n_train} of them for training"
    )


def main() -> None:
    """Entry point: errors meant for the user are printed as they are, and give the exit code."""
    try:
        app()
    except MaskDistillError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
