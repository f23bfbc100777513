"""A whole run: the chosen stages in order, through Prefect or without it."""

import contextlib
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Console

from maskdistill.pipeline.dag import MINE, StageSpec, find_stage, stage_range
from maskdistill.pipeline.finish import finish_stage
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.remote.sharing import require_somewhere
from maskdistill.pipeline.results import Overview, StageResult
from maskdistill.pipeline.server import check_server, explain_prefect, local_server, reach_loopback_directly
from maskdistill.pipeline.storage import explain_storage


def chosen_stages(plan: Plan, first: str | None, last: str | None) -> Sequence[StageSpec]:
    """The stages of a plan from `first` to `last`, both included, that `last` needs; None stands for the end.

    `mine` comes before them where it only has to read masks from a file, and has not.

    Raises:
        InputError: No such stage, not one of this plan, or `first` comes after `last`.
        MissingArtifact: `first` reads what has not been made and is not among them.
    """
    needed = plan.upstream(last) if last in plan.stages else tuple(plan.stages)
    stages = tuple(spec for spec in stage_range(plan.specs, first, last) if spec.name in needed)
    mine = plan.stages[MINE.name].spec
    if plan.config.mine.own.only_reads and plan.manifest(mine.name) is None and mine not in stages:
        stages = (mine, *stages)
    if first is not None:
        for missing in set(plan.stages[first].inputs) - {spec.name for spec in stages}:
            require_somewhere(plan, missing, f"--from {first}")
    return stages


def run_stages(
    plan: Plan, stages: Collection[StageSpec], console: Console, *, forced: Collection[str] = ()
) -> list[StageResult]:
    """Run stages one after the other without Prefect."""
    return [finish_stage(plan, spec.name, console, force=spec.name in forced) for spec in stages]


def run_with_prefect(
    plan: Plan,
    stages: Collection[StageSpec],
    console: Console,
    *,
    forced: Collection[str] = (),
    overview: Overview = lambda plan: (),
) -> list[StageResult]:
    """Run stages as the flow `maskdistill`: on the server that PREFECT_API_URL names, else on a temporary local one.

    The local one keeps its history in `.prefect` below the artifact folder, unless PREFECT_HOME says otherwise.

    Args:
        plan: The configuration and its artifacts.
        stages: What to run, in order.
        console: Where the address of a local server is shown.
        forced: Names of the stages to make anew although they are cached.
        overview: Writes the pages that Prefect shows of the finished run.

    Raises:
        InputError: Nobody answers at PREFECT_API_URL.
        MaskDistillError: The local server did not come up.
    """
    home = Path(os.environ.setdefault("PREFECT_HOME", str((plan.store.root / ".prefect").resolve())))
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    # The stages show their own progress, and the command prints errors.
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    reach_loopback_directly(os.environ, console)
    with contextlib.ExitStack() as stack:
        stack.enter_context(explain_storage(plan.store.root))
        (plan.store.root / ".prefect").mkdir(parents=True, exist_ok=True)
        if named := os.environ.get("PREFECT_API_URL"):
            check_server(named)
            stack.enter_context(explain_prefect(named))
        else:
            address = stack.enter_context(local_server(home, console))
            console.print(f"Prefect: {address}")
            os.environ["PREFECT_API_URL"] = f"{address}/api"
            stack.callback(os.environ.pop, "PREFECT_API_URL")
        # Prefect reads its settings from the environment when it is first imported.
        from maskdistill.pipeline.flow import make_flow

        return make_flow(plan, [spec.name for spec in stages], forced, overview)()


def forced_stages(plan: Plan, first_forced: str | None) -> set[str]:
    """The stage that is to be made anew, and all that depend on it. Raises InputError where there is none such."""
    if first_forced is None:
        return set()
    forced = {find_stage(first_forced).name}
    for name, planned in plan.stages.items():
        if forced.intersection(planned.inputs):
            forced.add(name)
    return forced
