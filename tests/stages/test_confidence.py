"""The confidence filter against the authors' function and at its edges."""

import json
from pathlib import Path

import numpy as np
import pytest

from stages.filter.confidence import rank_in_image, select

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "confidence.json").read_text())


@pytest.mark.parametrize("case", GOLDEN["cases"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_golden(case, shuffled):
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
def test_edges(scores, image, threshold, expected):
    keep = select(np.array(scores), np.array(image, dtype=int), threshold)
    assert keep.dtype == bool
    assert keep.tolist() == expected


@pytest.mark.parametrize("threshold", [0.9, np.float64(0.9)])
def test_threshold_is_compared_as_float32(threshold):
    assert select(np.array([1.0, 0.9, 0.89], dtype=np.float32), np.zeros(3, int), threshold).tolist() == [
        True,
        True,
        False,
    ]


def test_ranks():
    assert rank_in_image([0.1, 0.9, 0.5, 0.5, 0.7], [1, 0, 1, 1, 0]).tolist() == [2, 0, 0, 1, 1]
