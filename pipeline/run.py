"""A whole run: the chosen stages in order, through Prefect or without it, and the table at the end."""

import os
from collections.abc import Collection
from pathlib import Path

from rich.console import Console

from pipeline.config import ConfigSource
from pipeline.dag import STAGES, StageSpec
from pipeline.evaluation import evaluate_stage
from pipeline.plan import Plan
from pipeline.results import StageResult
from pipeline.runner import run_stage


def finish_stage(plan: Plan, stage: str, console: Console, *, force: bool = False) -> StageResult:
    """Make a stage's artifact, or find it made, and score it where there is ground truth."""
    cached = plan.manifest(stage) is not None and not force
    manifest = run_stage(plan, stage, console, force=force)
    return StageResult.of(manifest, evaluate_stage(plan, stage, console), cached=cached)


def run_stages(
    plan: Plan, stages: Collection[StageSpec], console: Console, *, forced: Collection[str] = ()
) -> list[StageResult]:
    """Run stages one after the other without Prefect."""
    return [finish_stage(plan, spec.name, console, force=spec.name in forced) for spec in stages]


def run_with_prefect(
    config_source: ConfigSource, stages: Collection[StageSpec], *, forced: Collection[str] = ()
) -> list[StageResult]:
    """Run stages as the flow `maskdistill`: on the server PREFECT_API_URL names, else on a temporary local one.

    The temporary server keeps its history in `.prefect` below the artifact folder, unless PREFECT_HOME says otherwise.
    """
    artifacts = config_source.load().artifacts
    _set_prefect_defaults(artifacts)
    from pipeline.flow import maskdistill

    return maskdistill(
        config=[str(path) for path in config_source.paths],
        overrides=list(config_source.overrides),
        stages=[spec.name for spec in stages],
        forced=list(forced),
    )


def describe_run(plan: Plan, results: Collection[StageResult]) -> str:
    """What to say below the table: where the artifacts lie, and the picture of a whole run, drawn where it is not."""
    lines = [f"artifacts: {plan.store.root}"]
    last = next((result for result in results if result.stage == STAGES[-1].name), None)
    if last is not None and all(plan.manifest(spec.name) for spec in STAGES):
        picture = plan.store.gallery_path(last.key)
        if not picture.exists() or not last.cached:
            from pipeline.inspect.gallery import save_gallery

            save_gallery(plan, last.scores, picture)
        lines.append(f"picture: {picture}")
    if plan.config.mine.weights == "random":
        lines.append("mine.weights is random: masks of an untrained ViT mean nothing, nor does what follows from them")
    return "\n".join(lines)


def forced_stages(first_forced: str | None) -> set[str]:
    """The stage that is to be made anew, and all that depend on it."""
    if first_forced is None:
        return set()
    forced = {first_forced}
    for spec in STAGES:
        if forced.intersection(spec.inputs):
            forced.add(spec.name)
    return forced


def _set_prefect_defaults(artifacts: Path) -> None:
    """Prefect reads its settings from the environment when it is first imported; what the user set stays."""
    defaults = {
        "PREFECT_HOME": str((artifacts / ".prefect").resolve()),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",  # the stages show their own progress, the command its own errors
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
