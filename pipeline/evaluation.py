"""Scores of finished stages against the ground truth, kept beside the artifacts so that none is computed twice."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from data.atomic import write_json
from pipeline.artifacts import hash_key
from pipeline.dag import STAGE_NAMES
from pipeline.plan import Plan
from pipeline.progress import show_progress

_VERSION = 1
NO_TRUTH = {"status": "no ground truth"}


def evaluate_stage(plan: Plan, stage: str, console: Console) -> dict[str, Any]:
    """Scores of a finished stage by split ("train", "val"), or {"status": "no ground truth"}; {} for pretrain.

    The result of the stage never depends on this: labels have a fingerprint of their own, which is no part of its key.
    """
    if stage not in STAGE_NAMES:
        return {}
    fingerprint = plan.labels_fingerprint
    if fingerprint is None:
        return NO_TRUTH
    labels = hash_key({"version": _VERSION, "labels": fingerprint, **plan.config.evaluate.model_dump(mode="json")})
    path = plan.store.evaluation_path(stage, plan.stages[stage].key, labels)
    if path.exists():
        scores: dict[str, Any] = json.loads(path.read_text())
        return scores
    return _evaluate(plan, stage, console, path)


def _evaluate(plan: Plan, stage: str, console: Console, path: Path) -> dict[str, Any]:
    from stages.evaluate.stage import evaluate

    upstream = STAGE_NAMES[: STAGE_NAMES.index(stage) + 1]
    folders = {name: plan.require(name, f"the evaluation of {stage}") for name in upstream}
    with show_progress(stage, console) as progress:
        scores: dict[str, Any] = evaluate(plan.config.evaluate, stage, plan.source, folders, progress)
    write_json(path, scores)
    return scores
