"""The same configuration run with several seeds: mean and standard deviation of every metric."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console

from maskdistill.data.errors import InputError
from maskdistill.pipeline.baselines import evaluate_baselines
from maskdistill.pipeline.dag import stage_range
from maskdistill.pipeline.evaluation import evaluate_linear_probe, evaluate_stage
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.runner import run_stage
from maskdistill.stages.evaluate.metrics import is_scored, scalar_names

Scores = dict[str, dict[str, Any]]
"""Metrics by stage or baseline, then by split."""
Spread = dict[str, dict[str, dict[str, dict[str, Any]]]]
"""The same of several seeds, each metric with its `mean`, `std` and `values`."""


def finished_scores(plan: Plan, console: Console, only: str | None = None, *, linear_probe: bool = False) -> Scores:
    """Scores of the finished stages of a plan, and of the baselines where they are wanted.

    Args:
        plan: The configuration and its artifacts.
        console: Where progress is shown.
        only: The one stage that is asked for.
        linear_probe: Whether the linear probe of the segmenter is asked for as well.

    Raises:
        InputError: The data has no ground truth.
        MissingArtifact: No stage is finished, or not the one that is asked for, or not the probe's segmenter.
    """
    if plan.labels_fingerprint is None:
        raise InputError("evaluate: the data has no ground truth; see data.labels, or data.kind voc and coco")
    names = [only] if only else [spec.name for spec in plan.specs if plan.manifest(spec.name)]
    if only or not names:
        plan.require(only or plan.specs[0].name, "evaluate")
    scores = {name: evaluate_stage(plan, name, console) for name in names}
    if not only:
        scores |= {name: result["scores"] for name, result in evaluate_baselines(plan, console).items()}
    if linear_probe:
        scores["linear probe"] = evaluate_linear_probe(plan, console)
    return {name: found for name, found in scores.items() if is_scored(found)}


def scores_of_seeds(
    plan: Plan, n_seeds: int, console: Console, only: str | None = None, *, linear_probe: bool = False
) -> list[Scores]:
    """Run a plan with seeds 0 to `n_seeds` - 1, or find it run, and score it.

    Every seed's artifacts are ordinary ones, those of `-s seed=N`.

    Args:
        plan: The configuration and its artifacts.
        n_seeds: How many seeds.
        console: Where progress is shown.
        only: The last stage that is run, and the one that is scored; None = all.
        linear_probe: Whether every segmenter gets its linear probe.
    """
    results = []
    for seed in range(n_seeds):
        seeded = plan.varied(f"seed={seed}")
        console.print(f"seed {seed}", highlight=False)
        for spec in stage_range(seeded.specs, None, only):
            run_stage(seeded, spec.name, console)
        results.append(finished_scores(seeded, console, only, linear_probe=linear_probe))
    return results


def mean_and_deviation(scores: Sequence[Scores]) -> Spread:
    """Mean and standard deviation (n - 1; 0 of a single one) of every scalar metric that all seeds have.

    Returns:
        By stage, split and metric: `mean`, `std` and `values`, one value per seed.
    """
    return {
        stage: {
            split: {name: _describe([one[stage][split][name] for one in scores]) for name in shared}
            for split in _shared(one[stage] for one in scores)
            if (shared := [name for name in scalar_names() if all(name in one[stage][split] for one in scores)])
        }
        for stage in _shared(scores)
    }


def _shared(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Keys that all mappings have, in the order of the first; none of no mappings."""
    every = list(mappings)
    return [key for key in every[0] if all(key in one for one in every)] if every else []


def _describe(values: list[float]) -> dict[str, Any]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return {"mean": float(np.mean(values)), "std": deviation, "values": values}
