"""What each stage buys: scores from step to step, and the final model for other sets of masks and other settings."""

import json
from collections.abc import Mapping
from typing import Any

from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.compare.sweep import MASK_SETS, Outcome, vary
from maskdistill.pipeline.apps.report.blocks import EMPTY, Block, Cell, Note, Row, Section, Table
from maskdistill.pipeline.apps.report.numbers import both_splits, ordered, share, title_of
from maskdistill.pipeline.apps.report.record import FINAL, RunRecord
from maskdistill.pipeline.apps.tables.comparison import compare
from maskdistill.pipeline.artifacts import Manifest
from maskdistill.pipeline.baselines import evaluate_baselines
from maskdistill.pipeline.evaluation import evaluate_stage
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


def comparison_section(record: RunRecord) -> Section:
    """Steps, all scores, and the runs that differ in one setting."""
    lead = (
        "Each row adds one stage. Scores come from one confusion matrix of the whole split, clusters being matched to "
        "classes one to one (Hungarian); labels are used for nothing else."
    )
    blocks: list[Block] = []
    if record.has_truth:
        blocks += [steps_table(record), scores_table(record), *baselines_tables(record)]
    elif record.manifests:
        blocks.append(Note("The data has no ground truth, so nothing can be scored."))
    blocks += record.missing(*(stage for stage, _ in _STEPS.values()))
    return Section("steps", "What each stage buys", lead, [*blocks, *_comparisons(record)])


def steps_table(record: RunRecord) -> Table:
    """mIoU after each finished step, and what the step changed."""
    rows: list[Row] = []
    before = None
    for name, (stage, figure) in _STEPS.items():
        value = record.figures(stage).get(figure)
        if value is None:
            continue
        change = EMPTY if before is None else f"{value - before:+.3f}"
        others = [figures.get(figure) for split, figures in record.scores(stage).items() if split != record.split]
        rows.append([name, Cell(share(value), bar=value, strong=stage == FINAL), change, *map(share, others)])
        before = value
    columns = ["masks", f"mIoU, {record.split_name}", "change"]
    columns += ["training images"] if rows and len(rows[0]) > len(columns) else []
    return Table("mIoU from step to step", columns, rows)


def scores_table(record: RunRecord) -> Table:
    """Every scalar figure of every finished stage, on training / validation images."""
    stages = [stage for stage in record.manifests if record.figures(stage)]
    found = {name for stage in stages for name in _scalars(record.figures(stage))}
    rows = [[title_of(name), *(both_splits(record.scores(stage), name) for stage in stages)] for name in ordered(found)]
    return Table("All scores, on training / validation images", ("score", *stages), rows, folded=True)


def baselines_tables(record: RunRecord) -> list[Table]:
    """The mined masks and their clusters beside the baselines, where `evaluate.baselines` asks for them."""
    results = evaluate_baselines(record.plan, record.console) if record.has("mine") else {}
    if not results:
        return []
    mined, clustered = record.scores("mine"), record.scores("cluster")
    own = {split: {**clustered.get(split, {}), **figures} for split, figures in mined.items()}
    scores = {"this run": own, **{name: one["scores"] for name, one in results.items()}}
    found = {name for figures in own.values() for name in _scalars(figures)}
    rows = [[title_of(name), *(both_splits(splits, name) for splits in scores.values())] for name in ordered(found)]
    caption = "Mined masks and their clusters against baselines, on training / validation images"
    most = record.plan.config.evaluate.baseline_images
    note = f"Baselines are scored on the first {most} images of each split at most, this run on all of them."
    return [Table(caption, ("score", *scores), rows, note, folded=True)]


def _scalars(figures: Mapping[str, Any]) -> set[str]:
    return {name for name, value in figures.items() if isinstance(value, int | float)}


def _comparisons(record: RunRecord) -> list[Block]:
    """A table of the paper's sets of masks, and one per setting in which finished runs differ from this one."""
    if not record.has(FINAL):
        return []
    blocks: list[Block] = []
    for setting, values in {MASK_SETS.setting: list(MASK_SETS.values), **neighbours(record)}.items():
        outcomes = [outcome for value in values if (outcome := _outcome(record, setting, value))]
        if len(outcomes) > 1:
            blocks.append(compare(setting, sorted(outcomes, key=_order), with_new=False))
        elif setting == MASK_SETS.setting:
            command = f"maskdistill ablate {record.plan.config_source.arguments()}"
            blocks.append(Note("The final model trained from each set of masks, as in the paper's table:", command))
    return blocks


def neighbours(record: RunRecord) -> dict[str, list[Any]]:
    """Settings, each with its value and those others for which there is a finished run that differs in it alone."""
    own = flatten(record.plan.config.model_dump(mode="json"))
    found: dict[str, list[Any]] = {}
    for manifest in record.plan.store.manifests(FINAL):
        theirs = flatten(manifest.config)
        changed = [name for name in {*own, *theirs} if own.get(name) != theirs.get(name)]
        if len(changed) == 1 and changed[0] in own and changed[0] in theirs:
            values = found.setdefault(changed[0], [own[changed[0]]])
            values += [theirs[changed[0]]] if theirs[changed[0]] not in values else []
    found.pop(MASK_SETS.setting, None)
    return dict(sorted(found.items()))


def _outcome(record: RunRecord, setting: str, value: Any) -> Outcome | None:
    """What the run with that value gave; None where it is not finished under the keys of today."""
    try:
        plan = vary(record.plan.config_source, setting, value)
    except InputError:
        return None  # its data or weights are gone
    manifests = {name: plan.manifest(name) for name in plan.upstream(FINAL)}
    if not all(manifests.values()):
        return None
    return Outcome(value, [_result(record, plan, manifest) for manifest in manifests.values() if manifest])


def _result(record: RunRecord, plan: Plan, manifest: Manifest) -> StageResult:
    return StageResult.of(manifest, evaluate_stage(plan, manifest.stage, record.console), cached=True)


def _order(outcome: Outcome) -> tuple[Any, ...]:
    value = outcome.value
    if value in MASK_SETS.values:
        return (0, MASK_SETS.values.index(value), "")
    return (0, value, "") if isinstance(value, int | float) else (1, 0, json.dumps(value))


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings that change a result, by dotted name."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        dotted = f"{prefix}{name}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{dotted}.")
        elif not dotted.startswith(_NOT_OF_THE_RESULT):
            flat[dotted] = value
    return flat
