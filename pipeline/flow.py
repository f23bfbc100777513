"""The Prefect flow: the stages as tasks, in order. Read this first.

Prefect sees names, keys and metrics, never arrays; its own caching is off, because the artifact store is the one truth.
The same stages run without it (`maskdistill run --no-prefect`), with the same keys and the same artifacts.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from prefect import Flow, State, flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from maskdistill.pipeline.baselines import evaluate_baselines
from maskdistill.pipeline.finish import finish_stage
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.progress import error_console
from maskdistill.pipeline.results import Overview, StageResult, result_rows
from maskdistill.pipeline.transient import is_transient


def _may_help(task: Any, run: Any, state: State[Any]) -> bool:
    """Whether a stage that failed is tried again."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and is_transient(error)


@task(
    cache_policy=NO_CACHE,
    persist_result=False,
    task_run_name="{stage}-{key}",
    retries=2,
    retry_delay_seconds=5,
    retry_condition_fn=_may_help,
)
def run_stage(plan: Plan, stage: str, key: str, upstream: list[StageResult], force: bool) -> StageResult:
    """One stage. `upstream` is there for Prefect alone: it draws the arrows of the DAG from it."""
    return finish_stage(plan, stage, error_console(), force=force)


def make_flow(
    plan: Plan, stages: Sequence[str], forced: Collection[str], overview: Overview
) -> Flow[[], list[StageResult]]:
    """The flow that runs some stages of a plan.

    The flow itself takes nothing: Prefect would write its parameters into its database.

    Args:
        plan: The configuration and its artifacts.
        stages: Names of the stages to run, in order.
        forced: Names of those to make anew although they are cached.
        overview: Writes the pages that Prefect shows of the finished run.
    """

    @flow(name="maskdistill", persist_result=False)
    def maskdistill() -> list[StageResult]:
        results: dict[str, StageResult] = {}
        for name in stages:
            planned = plan.stages[name]
            upstream = [results[needed] for needed in planned.inputs if needed in results]
            run = run_stage.with_options(name=name)
            results[name] = run(plan, name, planned.key, upstream, force=name in forced)
        _publish(plan, results.values(), overview)
        return list(results.values())

    return maskdistill


def _publish(plan: Plan, results: Iterable[StageResult], overview: Overview) -> None:
    """Hand tables of a finished run to Prefect."""
    baselines = StageResult.of_baselines(evaluate_baselines(plan, error_console()))
    config = ", ".join(map(str, plan.config_source.paths))
    rows = result_rows([*results, *baselines])
    create_table_artifact(rows, key="maskdistill-stages", description=f"Stages of {config}")
    for page in overview(plan):
        create_markdown_artifact(page.markdown, key=f"maskdistill-{page.name}", description=page.title)
