"""The commands that make artifacts: `run` and `stage`."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated

import typer

from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.commands.options import (
    ConfigOption,
    JsonOption,
    ProfileOption,
    QuietOption,
    RunOption,
    SetOption,
    VerboseOption,
    artifacts_folder,
    config_source,
    output,
    print_json,
    set_verbosity,
    with_profile,
)
from maskdistill.pipeline.apps.commands.words import STAGES
from maskdistill.pipeline.apps.tables.choices import describe_choices
from maskdistill.pipeline.apps.tables.results import describe_run, print_results
from maskdistill.pipeline.baselines import evaluate_baselines
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.dag import SEGMENT, find_stage
from maskdistill.pipeline.finish import finish_stage
from maskdistill.pipeline.interrupt import interruptible
from maskdistill.pipeline.launch import chosen_stages, forced_stages, run_stages, run_with_prefect
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.progress import error_console
from maskdistill.pipeline.remote.sharing import is_in_store, require_somewhere
from maskdistill.pipeline.results import Page, StageResult
from maskdistill.pipeline.runs import NamedRun, describe_runs, record_run
from maskdistill.pipeline.storage import explain_storage


@interruptible()
def run(
    images: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="Folder of images, searched recursively; needs no configuration."),
    ] = None,
    config: ConfigOption = None,
    overrides: SetOption = None,
    run_name: RunOption = None,
    classes: Annotated[int | None, typer.Option(min=1, help="How many classes to look for: cluster.k.")] = None,
    name: Annotated[str | None, typer.Option(help="What to call the run; without it, after its images.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First stage to run.", **STAGES)] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last stage to run.", **STAGES)] = None,
    force: Annotated[str | None, typer.Option(help="Make this stage and all that depend on it anew.", **STAGES)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    prefect: Annotated[bool, typer.Option("--prefect/--no-prefect", help="Run as a Prefect flow.")] = True,
    profile: ProfileOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run the pipeline: all stages that are not cached, in order."""
    set_verbosity(quiet, verbose)
    plan = Plan(_source(images, classes, config, with_profile(overrides, profile), run_name))
    stages = chosen_stages(plan, first, last)
    forced = forced_stages(plan, force)
    waiting = [spec.name for spec in stages if spec.name in forced or plan.manifest(spec.name) is None]
    if dry_run:
        for spec in stages:
            print(f"{spec.name:<8} {plan.stages[spec.name].key}  {_todo(plan, spec.name, waiting, forced)}")
        return
    console = error_console()
    with explain_storage(plan.store.root):
        recorded = _record(plan, name, needed=bool(waiting))
    if waiting:
        console.print(describe_choices(plan), highlight=False)
    if prefect and waiting:
        results = run_with_prefect(plan, stages, console, forced=forced, overview=_overview)
    else:
        results = run_stages(plan, stages, console, forced=forced)
    baselines = StageResult.of_baselines(evaluate_baselines(plan, console))
    picture = _draw_picture(plan, results)
    note = describe_run(plan, results, picture, recorded)
    print_results([*results, *baselines], output(), note)


def _todo(plan: Plan, stage: str, waiting: Collection[str], forced: Collection[str]) -> str:
    if stage not in waiting:
        return "cached"
    if stage in forced:
        return "would run (forced)"
    return "would be fetched" if is_in_store(plan, stage) else f"would run ({plan.why_missing(stage)})"


def _record(plan: Plan, name: str | None, *, needed: bool) -> NamedRun | None:
    """Keep the configuration of the run; a folder that may only be read will do where all is cached."""
    try:
        return record_run(plan, name)
    except OSError:
        if needed:
            raise
        return None


def _source(
    images: Path | None,
    classes: int | None,
    config: list[Path] | None,
    overrides: list[str] | None,
    run_name: str | None,
) -> ConfigSource:
    """The configuration that the command line asks for; a folder is one for the experiment `images`."""
    typed = [] if classes is None else [f"cluster.k={classes}"]
    if images is not None:
        if not images.is_dir():
            raise InputError(f"{images}: {'a file' if images.exists() else 'there is no such folder'}; name a folder")
        if run_name is not None:
            raise InputError(f"--run {run_name}: it has its images; leave {images} away")
        config, typed = config or [Path("images")], [f"data.root={images}", *typed]
    return config_source(config, [*typed, *(overrides or ())], run_name)


def _overview(plan: Plan) -> Iterable[Page]:
    from maskdistill.pipeline.apps.report.build import overview_pages

    return overview_pages(plan)


def _draw_picture(plan: Plan, results: Iterable[StageResult]) -> Path | None:
    """The picture of a whole run, drawn where its final model is new; None of a part of a run."""
    last = next((result for result in results if result.stage == SEGMENT.name), None)
    if last is None:
        return None
    from maskdistill.pipeline.apps.drawing.gallery import keep_gallery
    from maskdistill.pipeline.apps.outputs import Run

    return keep_gallery(Run(plan), anew=not last.cached)


@interruptible()
def stage(
    name: Annotated[str, typer.Argument(help="The stage.", **STAGES)],
    config: ConfigOption = None,
    overrides: SetOption = None,
    run_name: RunOption = None,
    force: Annotated[bool, typer.Option("--force", help="Make it anew although it is cached.")] = False,
    profile: ProfileOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run one stage from the cached artifacts of those before it."""
    set_verbosity(quiet, verbose)
    find_stage(name)
    plan = Plan(config_source(config, with_profile(overrides, profile), run_name))
    for needed in plan.stages[name].inputs:
        require_somewhere(plan, needed, f"stage {name}")
    result = finish_stage(plan, name, error_console(), force=force)
    print_results([result], output(), f"artifact: {plan.path(name)}")


def runs(overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """List the runs that were started, the last one first: `--run NAME` takes one up again."""
    from maskdistill.pipeline.apps.tables.runs import print_runs

    rows = describe_runs(artifacts_folder(overrides))
    if as_json:
        print_json(rows)
    else:
        print_runs(rows, output())
