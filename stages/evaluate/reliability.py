"""Whether a detector's confidence can be trusted: what the choice of `filter.threshold` (tau) rests on."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from maskdistill.stages.evaluate.average_precision import average_precision
from maskdistill.stages.evaluate.overlaps import Overlaps

N_BINS = 10


def reliability(images: Sequence[Overlaps]) -> dict[str, Any]:
    """Quality of candidates by score.

    A candidate is right where it has IoU >= 0.5 with some object, even if another candidate has it too. Candidates
    that lie on a crowd (half of them or more inside it) and on no object are neither right nor wrong, and left out.

    Returns:
        `reliability`: a list of the score bins that hold candidates, lowest first, each with `low` and `high` (the
        bin's scores, `high` excluded but in the last bin), `candidates`, `score` (their mean), `precision` (fraction of
        right ones) and `ap50` (class-agnostic mask AP50 of this bin's candidates alone);
        `calibration_error`: mean distance of score and precision over the candidates, 0 to 1. {} without candidates.
    """
    scores = np.concatenate([image.scores for image in images] or [np.zeros(0)])
    right, counted = (np.concatenate(parts or [np.zeros(0, bool)]) for parts in _judge(images))
    if not counted.any():
        return {}
    bins = []
    for index in range(N_BINS):
        members = counted & (_bin_of(scores) == index)
        if members.any():
            # AP50 judges crowds by itself, so it gets all candidates of the bin.
            inside = [image.select(_bin_of(image.scores) == index) for image in images]
            precision = average_precision(inside, thresholds=[0.5])
            bins.append(
                {
                    "low": index / N_BINS,
                    "high": (index + 1) / N_BINS,
                    "candidates": int(members.sum()),
                    "score": float(scores[members].mean()),
                    "precision": float(right[members].mean()),
                    "ap50": 0.0 if precision is None else precision[1],
                }
            )
    error = sum(one["candidates"] * abs(one["score"] - one["precision"]) for one in bins) / counted.sum()
    return {"reliability": bins, "calibration_error": float(error)}


def _bin_of(scores: Any) -> Any:
    return np.minimum((scores * N_BINS).astype(np.int64), N_BINS - 1)


def _judge(images: Sequence[Overlaps]) -> tuple[list[Any], list[Any]]:
    """For each candidate of each image: whether it is right, and whether it counts."""
    right, counted = [], []
    for image in images:
        on_object = (image.iou[:, ~image.is_crowd] >= 0.5).any(axis=1)
        on_crowd = (image.iou[:, image.is_crowd] >= 0.5).any(axis=1)
        right.append(on_object)
        counted.append(on_object | ~on_crowd)
    return right, counted
