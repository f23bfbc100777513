"""What each stage buys: scores from step to step, and the final model for other sets of masks and other settings."""

import json
from collections.abc import Mapping
from typing import Any

from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.compare.sweep import MASK_SETS, Outcome
from maskdistill.pipeline.apps.report.blocks import Block, Note, Section
from maskdistill.pipeline.apps.report.reported_run import FINAL, ReportedRun
from maskdistill.pipeline.apps.tables.comparison import compare
from maskdistill.pipeline.apps.tables.numbers import both_splits, ordered, share, title_of
from maskdistill.pipeline.apps.tables.table import EMPTY, Cell, Row, Table
from maskdistill.pipeline.baselines import evaluate_baselines
from maskdistill.pipeline.changes import changed_values, flatten
from maskdistill.pipeline.evaluation import evaluate_stage
from maskdistill.pipeline.manifest import Manifest
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.results import StageResult

_STEPS = {
    "initial masks with their clusters": ("cluster", "miou"),
    "+ detector: candidates": ("distill", "miou"),
    "+ confidence filter: pseudo-labels": ("filter", "miou"),
    "+ final model": (FINAL, "miou"),
    "+ CRF on its predictions": (FINAL, "miou_crf"),
}
_NOT_OF_THE_RESULT = ("artifacts", "execution.", "evaluate.")


def comparison_section(run: ReportedRun) -> Section:
    """Steps, all scores, and the runs that differ in one setting."""
    lead = (
        "Each row adds one stage. Scores come from one confusion matrix of the whole split, clusters being matched to "
        "classes one to one (Hungarian); labels are used for nothing else."
    )
    blocks: list[Block] = []
    if run.has_truth:
        blocks += [steps_table(run), scores_table(run), *baselines_tables(run)]
    elif run.manifests:
        blocks.append(Note("The data has no ground truth, so nothing can be scored."))
    blocks += run.missing(*(stage for stage, _ in _STEPS.values()))
    return Section("steps", "What each stage buys", lead, [*blocks, *_comparisons(run)])


def steps_table(run: ReportedRun) -> Table:
    """mIoU after each finished step, and what the step changed."""
    rows: list[Row] = []
    before = None
    for name, (stage, metric) in _STEPS.items():
        value = run.metrics(stage).get(metric)
        if value is None:
            continue
        change = EMPTY if before is None else f"{value - before:+.3f}"
        others = [metrics.get(metric) for split, metrics in run.scores(stage).items() if split != run.split]
        rows.append([name, Cell(share(value), bar=value, strong=stage == FINAL), change, *map(share, others)])
        before = value
    columns = ["masks", f"mIoU, {run.split_name}", "change"]
    columns += ["training images"] if rows and len(rows[0]) > len(columns) else []
    return Table("mIoU from step to step", columns, rows)


def scores_table(run: ReportedRun) -> Table:
    """Every scalar metric of every finished stage, on training / validation images."""
    stages = [stage for stage in run.manifests if run.metrics(stage)]
    found = {name for stage in stages for name in _scalars(run.metrics(stage))}
    rows = [[title_of(name), *(both_splits(run.scores(stage), name) for stage in stages)] for name in ordered(found)]
    return Table("All scores, on training / validation images", ("score", *stages), rows, folded=True)


def baselines_tables(run: ReportedRun) -> list[Table]:
    """The mined masks and their clusters beside the baselines, where `evaluate.baselines` asks for them."""
    results = evaluate_baselines(run.plan, run.console) if run.has("mine") else {}
    if not results:
        return []
    mined, clustered = run.scores("mine"), run.scores("cluster")
    own = {split: {**clustered.get(split, {}), **metrics} for split, metrics in mined.items()}
    scores = {"this run": own, **{name: one["scores"] for name, one in results.items()}}
    found = {name for metrics in own.values() for name in _scalars(metrics)}
    rows = [[title_of(name), *(both_splits(splits, name) for splits in scores.values())] for name in ordered(found)]
    caption = "Mined masks and their clusters against baselines, on training / validation images"
    most = run.plan.config.evaluate.baseline_images
    note = f"Baselines are scored on the first {most} images of each split at most, this run on all of them."
    return [Table(caption, ("score", *scores), rows, note, folded=True)]


def _scalars(metrics: Mapping[str, Any]) -> set[str]:
    return {name for name, value in metrics.items() if isinstance(value, int | float)}


def _comparisons(run: ReportedRun) -> list[Block]:
    """A table of the paper's sets of masks, and one per setting in which finished runs differ from this one."""
    if not run.has(FINAL):
        return []
    blocks: list[Block] = []
    for setting, values in {MASK_SETS.setting: list(MASK_SETS.values), **neighbours(run)}.items():
        outcomes = [outcome for value in values if (outcome := _outcome(run, setting, value))]
        if len(outcomes) > 1:
            blocks.append(compare(setting, sorted(outcomes, key=_order), with_new=False))
        elif setting == MASK_SETS.setting:
            command = f"maskdistill ablate {run.plan.config_source.arguments()}"
            blocks.append(Note("The final model trained from each set of masks, as in the paper's table:", command))
    return blocks


def neighbours(run: ReportedRun) -> dict[str, list[Any]]:
    """Settings, each with its value and those others for which there is a finished run that differs in it alone."""
    own = run.plan.config.model_dump(mode="json")
    found: dict[str, list[Any]] = {}
    for manifest in run.plan.store.manifests(FINAL):
        changes = changed_values(own, manifest.config)
        changed = [name for name in changes if not name.startswith(_NOT_OF_THE_RESULT)]
        if len(changed) == 1 and changed[0] in flatten(own) and changed[0] in flatten(manifest.config):
            value, other = changes[changed[0]]
            values = found.setdefault(changed[0], [value])
            values += [other] if other not in values else []
    found.pop(MASK_SETS.setting, None)
    return dict(sorted(found.items()))


def _outcome(run: ReportedRun, setting: str, value: Any) -> Outcome | None:
    """What the run with that value gave; None where it is not finished under the keys of today."""
    try:
        plan = run.plan.varied(f"{setting}={json.dumps(value)}")
    except InputError:
        return None  # its data or weights are gone
    manifests = {name: plan.manifest(name) for name in plan.upstream(FINAL)}
    if not all(manifests.values()):
        return None
    return Outcome(value, [_result(run, plan, manifest) for manifest in manifests.values() if manifest])


def _result(run: ReportedRun, plan: Plan, manifest: Manifest) -> StageResult:
    return StageResult.of(manifest, evaluate_stage(plan, manifest.stage, run.console), cached=True)


def _order(outcome: Outcome) -> tuple[Any, ...]:
    value = outcome.value
    if value in MASK_SETS.values:
        return (0, MASK_SETS.values.index(value), "")
    return (0, value, "") if isinstance(value, int | float) else (1, 0, json.dumps(value))
