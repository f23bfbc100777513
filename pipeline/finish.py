"""One stage of a run, made and scored."""

from rich.console import Console

from maskdistill.pipeline.evaluation import evaluate_stage
from maskdistill.pipeline.health import oddities
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.progress import print_note
from maskdistill.pipeline.remote.sharing import is_in_store
from maskdistill.pipeline.results import StageResult
from maskdistill.pipeline.runner import run_stage


def finish_stage(plan: Plan, stage: str, console: Console, *, force: bool = False) -> StageResult:
    """Make a stage's artifact, or find it made, and score it where there is ground truth.

    Args:
        plan: The configuration and its artifacts.
        stage: Name of the stage.
        console: Where progress is shown.
        force: Make it anew although it is there.

    Raises:
        MissingArtifact: An upstream artifact has not been made; the text holds the command that makes it.
    """
    cached = not force and (plan.manifest(stage) is not None or is_in_store(plan, stage))
    manifest = run_stage(plan, stage, console, force=force)
    if not cached:
        for odd in oddities(manifest.health, plan.config.health):
            print_note(console, f"{stage}: {odd}: maskdistill inspect {stage} {plan.config_source.arguments()}")
    return StageResult.of(manifest, evaluate_stage(plan, stage, console), cached=cached)
