"""The confidence filter against the authors' function and at its edges."""

import json
from typing import Any

import numpy as np
import pytest

from helpers.paths import GOLDEN
from maskdistill.stages.filter.confidence import rank_in_image, resolve_threshold, select

CASES = json.loads((GOLDEN / "confidence.json").read_text())


@pytest.mark.parametrize("case", CASES["cases"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_golden(case: dict[str, Any], shuffled: bool) -> None:
    scores = np.concatenate([np.array(s, dtype=np.float64) for s in case["scores"].values()])
    image = np.concatenate([np.full(len(s), int(i)) for i, s in case["scores"].items()])
    order = np.random.default_rng(0).permutation(len(scores)) if shuffled else np.arange(len(scores))
    keep = select(scores[order], image[order], case["threshold"])
    for i, kept in case["kept"].items():
        found = np.sort(scores[order][keep & (image[order] == int(i))])[::-1]
        assert found.tolist() == kept


@pytest.mark.parametrize(
    ("scores", "image", "threshold", "expected"),
    [
        ([0.5, 0.5, 0.2], [0, 0, 0], 0.9, [True, False, False]),
        ([0.2, 0.5, 0.5], [7, 7, 7], 0.9, [False, True, False]),
        ([0.5, 0.5, 0.2], [0, 0, 0], 0.5, [True, True, False]),
        ([0.1, 0.2, 0.3], [2, 0, 1], 0.9, [True, True, True]),
        ([0.0, 0.0], [3, 3], 1.0, [True, False]),
        ([], [], 0.9, []),
    ],
)
def test_edges(scores: list[float], image: list[int], threshold: float, expected: list[bool]) -> None:
    keep = select(np.array(scores), np.array(image, dtype=int), threshold)
    assert keep.dtype == bool
    assert keep.tolist() == expected


@pytest.mark.parametrize("threshold", [0.9, np.float64(0.9)])
def test_threshold_is_compared_as_float32(threshold: float) -> None:
    scores = np.array([1.0, 0.9, 0.89], dtype=np.float32)
    assert select(scores, np.zeros(3, int), threshold).tolist() == [True, True, False]


def test_ranks() -> None:
    assert rank_in_image([0.1, 0.9, 0.5, 0.5, 0.7], [1, 0, 1, 1, 0]).tolist() == [2, 0, 0, 1, 1]


def test_auto_parts_two_groups_of_scores() -> None:
    unsure, sure = np.linspace(0.05, 0.2, 40), np.linspace(0.8, 1, 20)
    threshold = resolve_threshold("auto", np.concatenate([sure, unsure]).astype(np.float32))
    assert 0.2 < threshold < 0.8
    assert select(np.concatenate([sure, unsure]), np.zeros(60, dtype=int), threshold).sum() == 20


def test_auto_agrees_with_a_search_over_all_splits() -> None:
    scores = np.random.default_rng(0).beta(0.5, 0.6, 500)
    candidates = np.unique(scores)[1:]
    between = [
        (scores < t).mean() * (scores >= t).mean() * (scores[scores < t].mean() - scores[scores >= t].mean()) ** 2
        for t in candidates
    ]
    bin_width = np.ptp(scores) / 256
    assert abs(resolve_threshold("auto", scores) - candidates[np.argmax(between)]) <= 2 * bin_width


@pytest.mark.parametrize(("scores", "kept"), [([], 0), ([0.4], 1), ([0.4, 0.4, 0.4], 3), ([0.1, 0.9], 1)])
def test_auto_at_its_edges(scores: list[float], kept: int) -> None:
    threshold = resolve_threshold("auto", np.array(scores))
    assert (np.array(scores) >= threshold).sum() == kept


def test_a_number_is_taken_as_it_is() -> None:
    assert resolve_threshold(0.3, np.array([0.1, 0.9])) == 0.3
