"""The Prefect flow: the five stages as tasks, in order. Read this first.

Prefect sees names, keys and metrics, never arrays; its own caching is off, because the artifact store is the one truth.
The same stages run without it (`maskdistill run --no-prefect`), with the same keys and the same artifacts.
"""

from collections.abc import Sequence
from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from rich.console import Console

from maskdistill.pipeline.apps.report.build import overview_sections
from maskdistill.pipeline.apps.report.markdown import section_to_markdown
from maskdistill.pipeline.baselines import evaluate_baselines
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.launch import finish_stage
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.results import StageResult, result_rows


@task(cache_policy=NO_CACHE, persist_result=False, task_run_name="{stage}-{key}")
def run_stage(plan: Plan, stage: str, key: str, upstream: list[StageResult], force: bool) -> StageResult:
    """One stage. `upstream` is there for Prefect alone: it draws the arrows of the DAG from it."""
    return finish_stage(plan, stage, Console(stderr=True), force=force)


@flow(name="maskdistill", persist_result=False, validate_parameters=False)
def maskdistill(
    config: Sequence[str],
    overrides: Sequence[str] = (),
    stages: Sequence[str] | None = None,
    forced: Sequence[str] = (),
) -> list[StageResult]:
    """Run the stages of a configuration.

    Args:
        config: Paths of the YAML files.
        overrides: Settings to change, as "section.field=value".
        stages: Names of the stages to run, in order; None = all that the configuration needs.
        forced: Names of the stages to make anew although they are cached.
    """
    plan = Plan(ConfigSource(tuple(map(Path, config)), tuple(overrides)))
    results: dict[str, StageResult] = {}
    for name in stages or [spec.name for spec in plan.specs]:
        planned = plan.stages[name]
        upstream = [results[needed] for needed in planned.inputs if needed in results]
        run = run_stage.with_options(name=name)
        results[name] = run(plan, name, planned.key, upstream, force=name in forced)
    baselines = StageResult.of_baselines(evaluate_baselines(plan, Console(stderr=True)))
    rows = result_rows([*results.values(), *baselines])
    create_table_artifact(rows, key="maskdistill-stages", description=f"Stages of {', '.join(config)}")
    for section in overview_sections(plan, Console(stderr=True)):
        create_markdown_artifact(
            section_to_markdown(section), key=f"maskdistill-{section.anchor}", description=section.title
        )
    return list(results.values())
