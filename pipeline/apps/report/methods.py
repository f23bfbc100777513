"""How the run compares with finished runs of other methods, over several seeds."""

import json
from collections import defaultdict

from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.compare.methods import Compared, Variant
from maskdistill.pipeline.apps.compare.sweep import Outcome
from maskdistill.pipeline.apps.report.reported_run import FINAL, ReportedRun
from maskdistill.pipeline.apps.tables.methods import methods_table
from maskdistill.pipeline.apps.tables.table import Table
from maskdistill.pipeline.changes import changed_values, flatten
from maskdistill.pipeline.evaluation import evaluate_stage
from maskdistill.pipeline.results import StageResult

NOT_OF_THE_RESULT = ("artifacts", "execution.", "evaluate.")
"""Settings that change no artifact."""
_FEWEST_SEEDS = 2


def methods_tables(run: ReportedRun) -> list[Table]:
    """This run's configuration beside others on the same data, where at least two seeds of each are finished."""
    compared = [one for variant, seeds in finished_seeds(run) if (one := _compared(run, variant, seeds))]
    if len(compared) < 2 or compared[0].name != Variant().name:
        return []
    return [methods_table(compared, with_time=False)]


def finished_seeds(run: ReportedRun) -> list[tuple[Variant, list[int]]]:
    """The seeds of all final models that are there, by what sets their configurations apart from this one's."""
    own = run.plan.config.model_dump(mode="json")
    found: dict[str, set[int]] = defaultdict(set)
    for manifest in run.plan.store.manifests(FINAL):
        changes = changed_values(own, manifest.config)
        seed = changes.pop("seed", (None, own["seed"]))[1]
        kept = {name: other for name, (_, other) in changes.items() if not name.startswith(NOT_OF_THE_RESULT)}
        known = kept.keys() <= flatten(own).keys() & flatten(manifest.config).keys()
        if known and not any(name.startswith("data.") for name in kept):
            found[json.dumps(sorted(kept.items()))].add(int(seed))
    several = [
        (json.loads(settings), sorted(seeds)) for settings, seeds in found.items() if len(seeds) >= _FEWEST_SEEDS
    ]
    several.sort(key=lambda one: (len(one[0]), json.dumps(one[0])))
    return [(Variant(tuple((name, value) for name, value in settings)), seeds) for settings, seeds in several]


def finished_outcome(run: ReportedRun, overrides: tuple[str, ...], value: object) -> Outcome | None:
    """What the run with these settings gave; None where it is not finished under the keys of today."""
    try:
        plan = run.plan.varied(*overrides)
    except InputError:
        return None  # its data or weights are gone
    manifests = [plan.manifest(name) for name in plan.upstream(FINAL)]
    results = [
        StageResult.of(manifest, evaluate_stage(plan, manifest.stage, run.console), cached=True)
        for manifest in manifests
        if manifest is not None
    ]
    return Outcome(value, results) if len(results) == len(manifests) else None


def _compared(run: ReportedRun, variant: Variant, seeds: list[int]) -> Compared | None:
    outcomes = [finished_outcome(run, (*variant.overrides, f"seed={seed}"), seed) for seed in seeds]
    finished = [outcome for outcome in outcomes if outcome is not None]
    return Compared(variant.name, finished) if len(finished) >= _FEWEST_SEEDS else None
