"""Baselines: variants of a plan that need no learning, made and scored like any other run.

Of mined masks: Otsu's threshold, on colour and on edges, and the same mining with a ViT that has learnt nothing, each
on the first `evaluate.baseline_images` images of each split. Of clusters of patches: K-means of the same tokens. All
of them are ordinary artifacts.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from maskdistill.pipeline.dag import CORRESPOND, MINE
from maskdistill.pipeline.evaluation import evaluate_stage
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.runner import run_stage
from maskdistill.stages.evaluate.metrics import is_scored


@dataclass(frozen=True)
class Baseline:
    """A run to compare with.

    Attributes:
        name: What it is called in tables.
        plan: Its configuration.
        stages: The stages that are run and scored, in order.
    """

    name: str
    plan: Plan
    stages: Sequence[str]


def baselines_of(plan: Plan) -> list[Baseline]:
    """The baselines that a configuration asks for: none with `evaluate.baselines` off, or without ground truth."""
    if not plan.config.evaluate.baselines or plan.labels_fingerprint is None:
        return []
    names = [spec.name for spec in plan.specs]
    return [
        *(_of_masks(plan) if MINE.name in names else []),
        *(_of_patches(plan) if CORRESPOND.name in names else []),
    ]


def _of_patches(plan: Plan) -> list[Baseline]:
    if not plan.config.correspond.own.learns:
        return []
    settings = ["correspond.method=kmeans", "cluster.features=cls"]
    return [Baseline("K-means of tokens", plan.varied(*settings), [CORRESPOND.name])]


def _of_masks(plan: Plan) -> list[Baseline]:
    wanted = plan.config.evaluate.baseline_images
    n_images = min(wanted, plan.config.data.first or wanted)
    first = f"data.first={n_images}"
    plain = plan.varied(first, "mine.refine.rounds=0")
    otsu = {name: plain.varied("mine.method=otsu", f"mine.otsu.on={name}") for name in ("colour", "edges")}
    k = plan.n_clusters
    untrained = plain.varied(*untrained_settings(plan), *([] if k is None else [f"cluster.k={k}"]))
    # K-means needs as many masks as clusters.
    stages = ["mine"] if k is None or untrained.source.n_train < k else ["mine", "cluster"]
    return [
        *(Baseline(f"Otsu on {name}", variant, ["mine"]) for name, variant in otsu.items()),
        Baseline("random ViT", untrained, stages),
    ]


def untrained_settings(plan: Plan) -> list[str]:
    """Overrides that put a ViT which has learnt nothing in the place of the one of `mine`."""
    mine = plan.config.mine
    settings = ["pretrain.method=untrained", "mine.weights=pretrain", "cluster.model=null", "cluster.weights=null"]
    if not mine.own.looks_with_vit:
        settings.append("mine.method=affinity")
    if mine.weights.origin != "stage":
        settings += [
            f"pretrain.model={mine.model}",
            f"pretrain.untrained.like={json.dumps(str(mine.weights))}",
            f"pretrain.untrained.normalise={mine.normalise}",
        ]
    return settings


def evaluate_baselines(plan: Plan, console: Console) -> dict[str, dict[str, Any]]:
    """Make and score the baselines, or find them made.

    Returns:
        By name of the baseline: `items`, how many `unit` it has; `seconds` to make them; and `scores` by split, those
        of the mined masks and, for the untrained ViT, those of their clusters too.
    """
    return {baseline.name: _evaluate(baseline, console) for baseline in baselines_of(plan)}


def _evaluate(baseline: Baseline, console: Console) -> dict[str, Any]:
    plan = baseline.plan
    for stage in plan.upstream(baseline.stages[-1]):
        run_stage(plan, stage, console)
    found = [evaluate_stage(plan, stage, console) for stage in reversed(baseline.stages)]
    made = plan.manifest(baseline.stages[0])
    assert made is not None
    scores = found[-1]
    if is_scored(scores):
        scores = {split: {name: value for one in found for name, value in one[split].items()} for split in scores}
    return {"items": made.items, "unit": made.unit, "seconds": made.seconds, "scores": scores}
