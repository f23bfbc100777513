"""Reliability of scores, by hand."""

import numpy as np
import pytest
from numpy.typing import ArrayLike

from maskdistill.stages.evaluate.overlaps import Overlaps
from maskdistill.stages.evaluate.reliability import reliability


def overlaps(iou: ArrayLike, scores: list[float], crowd: list[bool]) -> Overlaps:
    table = np.asarray(iou, dtype=float)
    n_masks, n_objects = table.shape
    classes = np.zeros(n_masks, int), np.ones(n_objects, int)
    return Overlaps(table, table, np.asarray(scores), *classes, np.asarray(crowd))


def test_by_hand_with_a_crowd() -> None:
    images = [
        overlaps([[0.7, 0.0], [0.6, 0.0], [0.1, 0.9]], [0.95, 1.0, 0.42], [False, True]),
        overlaps([[0.2], [0.1]], [0.91, 0.4], [False]),
    ]
    found = reliability(images)
    low, high = found["reliability"]
    # The candidate on the crowd counts nowhere, so one wrong one is left in the lower bin.
    assert low == {"low": 0.4, "high": 0.5, "candidates": 1, "score": 0.4, "precision": 0.0, "ap50": 0.0}
    assert (high["low"], high["high"], high["candidates"]) == (0.9, 1.0, 3)
    assert high["precision"] == pytest.approx(2 / 3)
    assert high["score"] == pytest.approx((0.95 + 1 + 0.91) / 3)
    # Two objects; by score: right, again the same object, wrong: precision 1 up to recall 1/2.
    assert high["ap50"] == pytest.approx(51 / 101)
    assert found["calibration_error"] == pytest.approx((0.4 + 3 * abs(2.86 / 3 - 2 / 3)) / 4)


def test_nothing_without_candidates() -> None:
    assert reliability([]) == {}
    assert reliability([overlaps(np.zeros((0, 1)), [], [False])]) == {}
