"""A whole run: the chosen stages in order, through Prefect or without it, and the table at the end."""

import contextlib
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Console

from maskdistill.pipeline.dag import STAGES, StageSpec
from maskdistill.pipeline.evaluation import evaluate_stage
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.results import StageResult
from maskdistill.pipeline.runner import run_stage
from maskdistill.pipeline.server import local_server


def finish_stage(plan: Plan, stage: str, console: Console, *, force: bool = False) -> StageResult:
    """Make a stage's artifact, or find it made, and score it where there is ground truth."""
    cached = plan.manifest(stage) is not None and not force
    manifest = run_stage(plan, stage, console, force=force)
    return StageResult.of(manifest, evaluate_stage(plan, stage, console), cached=cached)


def with_import(plan: Plan, stages: Sequence[StageSpec]) -> Sequence[StageSpec]:
    """The stages, after `mine` where it is not made and only has to read the file that `mine.import` names."""
    mine = STAGES[0]
    waiting = plan.config.mine.method == "import" and plan.manifest(mine.name) is None
    return (mine, *stages) if waiting and mine not in stages else stages


def run_stages(
    plan: Plan, stages: Collection[StageSpec], console: Console, *, forced: Collection[str] = ()
) -> list[StageResult]:
    """Run stages one after the other without Prefect."""
    return [finish_stage(plan, spec.name, console, force=spec.name in forced) for spec in stages]


def run_with_prefect(
    plan: Plan, stages: Collection[StageSpec], console: Console, *, forced: Collection[str] = ()
) -> list[StageResult]:
    """Run stages as the flow `maskdistill`: on the server that PREFECT_API_URL names, else on a temporary local one.

    The local one keeps its history in `.prefect` below the artifact folder, unless PREFECT_HOME says otherwise.
    """
    home = Path(os.environ.setdefault("PREFECT_HOME", str((plan.store.root / ".prefect").resolve())))
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    # The stages show their own progress, and the command prints errors.
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    with contextlib.ExitStack() as stack:
        if "PREFECT_API_URL" not in os.environ:
            address = stack.enter_context(local_server(home))
            console.print(f"Prefect: {address}")
            os.environ["PREFECT_API_URL"] = f"{address}/api"
            stack.callback(os.environ.pop, "PREFECT_API_URL")
        # Prefect reads its settings from the environment when it is first imported.
        from maskdistill.pipeline.flow import maskdistill

        return maskdistill(
            config=[str(path) for path in plan.config_source.paths],
            overrides=list(plan.config_source.overrides),
            stages=[spec.name for spec in stages],
            forced=list(forced),
        )


def describe_run(plan: Plan, results: Collection[StageResult]) -> str:
    """What to say below the table: where the artifacts lie, the detector's library, and the picture of a whole run.

    The picture is drawn where it is not there.
    """
    lines = [f"artifacts: {plan.store.root}"]
    if any(result.stage == "distill" for result in results):
        lines.append(f"detector: {plan.config.distill.backend}")
    last = next((result for result in results if result.stage == STAGES[-1].name), None)
    if last is not None and all(plan.manifest(spec.name) for spec in STAGES):
        picture = plan.store.gallery_path(last.key)
        if not picture.exists() or not last.cached:
            from maskdistill.pipeline.apps.drawing.gallery import save_gallery

            save_gallery(plan, last.scores, picture)
        lines.append(f"picture: {picture}")
    if plan.config.mine.uses_seed():
        lines.append("mine.weights is random: masks of an untrained ViT mean nothing, nor does what follows from them")
    return "\n".join(lines)


def forced_stages(plan: Plan, first_forced: str | None) -> set[str]:
    """The stage that is to be made anew, and all that depend on it."""
    if first_forced is None:
        return set()
    forced = {first_forced}
    for name, planned in plan.stages.items():
        if forced.intersection(planned.inputs):
            forced.add(name)
    return forced
