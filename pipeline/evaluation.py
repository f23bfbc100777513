"""Scores of finished stages against the ground truth, kept beside the artifacts so that none is computed twice.

What they are called and what they mean stands in `stages/evaluate/metrics.py`.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from maskdistill.data.catalog import LABELS, MASKS
from maskdistill.data.checked_json import read_checked, write_checked
from maskdistill.pipeline.dag import SEGMENT
from maskdistill.pipeline.manifest import hash_key
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.progress import print_note, show_progress
from maskdistill.stages.evaluate.metrics import NO_TRUTH

_VERSION = 4
LINEAR_PROBE = "linear_probe"
"""Folder, beside those of the stages, of the scores of linear probes."""


def evaluate_stage(plan: Plan, stage: str, console: Console) -> dict[str, Any]:
    """Scores of a finished stage by split ("train", "val"), or NO_TRUTH; {} for a stage that leaves nothing to score.

    The result of the stage never depends on this: labels have a fingerprint of their own, which is no part of its key.
    """
    if stage not in (*MASKS, *LABELS):
        return {}
    if plan.labels_fingerprint is None:
        return NO_TRUTH

    def compute() -> dict[str, Any]:
        from maskdistill.stages.evaluate.stage import evaluate

        upstream = plan.upstream(stage)
        with plan.reading(upstream), show_progress(stage, console) as progress:
            folders = plan.folders(upstream, f"the evaluation of {stage}")
            return evaluate(plan.config.evaluate, stage, plan.source, folders, progress)

    return _once(plan.store.evaluation_path(stage, plan.stages[stage].key, _truth_key(plan)), console, compute)


def evaluate_linear_probe(plan: Plan, console: Console) -> dict[str, Any]:
    """Scores by split of a linear classifier of the segmenter's frozen features, which is trained on ground truth.

    Raises:
        MissingArtifact: The segmenter has not been made.
    """
    config, segment = plan.config, SEGMENT.name
    if plan.labels_fingerprint is None:
        return NO_TRUTH
    folder = plan.require(segment, "the linear probe")

    def compute() -> dict[str, Any]:
        from maskdistill.stages.evaluate.linear_probe import linear_probe

        with plan.reading([segment]), show_progress("linear probe", console) as progress:
            return linear_probe(
                config.evaluate, plan.source, {segment: folder}, progress, config.execution, config.seed
            )

    settings = config.evaluate.linear_probe.model_dump(mode="json")
    key = hash_key({"truth": _truth_key(plan), "seed": config.seed, **settings})
    return _once(plan.store.evaluation_path(LINEAR_PROBE, plan.stages[segment].key, key), console, compute)


def _truth_key(plan: Plan) -> str:
    """Hash of the ground truth as it is scored."""
    config = plan.config.evaluate
    matching = {} if config.matching == "iou" else {"matching": config.matching}
    return hash_key(
        {"version": _VERSION, "labels": plan.labels_fingerprint, **config.model_dump(include={"classes"}), **matching}
    )


def _once(path: Path, console: Console, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The content of a JSON file, computed and written where it is not there, or damaged."""
    with contextlib.suppress(FileNotFoundError):
        try:
            found, whole = read_checked(path.read_bytes())
            if whole:
                return found
        except (ValueError, OSError) as error:
            if isinstance(error, FileNotFoundError):
                raise
        print_note(console, f"{path} is damaged; the scores are computed anew")
    result = compute()
    # Scores are worth having from a folder that may only be read.
    with contextlib.suppress(OSError):
        write_checked(path, result)
    return result
