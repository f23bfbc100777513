"""Purity, NMI and ARI against their definitions, and the class of a mask by hand."""

from collections.abc import Sequence
from itertools import combinations
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskdistill.stages.evaluate.agreement import agreement, class_of_mask

Pair = tuple[int, int]
"""Cluster and class of a mask."""
grouped = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=25)


def entropy(values: Sequence[int]) -> float:
    shares = np.unique(values, return_counts=True)[1] / len(values)
    return -float(sum(share * log(share) for share in shares))


def adjusted_rand(a: Sequence[int], b: Sequence[int]) -> float:
    """From all pairs, as Hubert and Arabie write it: (found - expected) / (highest - expected)."""
    pairs = list(combinations(range(len(a)), 2))
    both = sum(a[i] == a[j] and b[i] == b[j] for i, j in pairs)
    in_a, in_b = (sum(x[i] == x[j] for i, j in pairs) for x in (a, b))
    expected, highest = in_a * in_b / len(pairs), (in_a + in_b) / 2
    return 1.0 if highest == expected else (both - expected) / (highest - expected)


@given(grouped)
def test_equals_the_definitions(pairs: list[Pair]) -> None:
    clusters, classes = ([pair[i] for pair in pairs] for i in (0, 1))
    metrics = agreement(clusters, classes)
    main = sum(max(classes_in.count(c) for c in set(classes_in)) for classes_in in by_cluster(pairs))
    assert metrics["purity"] == pytest.approx(main / len(pairs))
    mutual = entropy(clusters) + entropy(classes) - entropy([4 * a + b for a, b in pairs])
    mean = (entropy(clusters) + entropy(classes)) / 2
    assert metrics["nmi"] == pytest.approx(mutual / mean if mean > 0 else 1.0, abs=1e-9)
    assert metrics["ari"] == pytest.approx(adjusted_rand(clusters, classes))


def by_cluster(pairs: list[Pair]) -> list[list[int]]:
    """The classes of the masks of each cluster."""
    return [[b for a, b in pairs if a == cluster] for cluster in {a for a, _ in pairs}]


def test_nothing_from_nothing() -> None:
    assert agreement([], []) == {}


@pytest.mark.parametrize(
    ("covered", "expected"),
    [
        ([0, 0, 0, 0, 0, 2], 0),  # beside its object, of which it holds one pixel
        ([0, 0, 2, 2, 2, 1], 2),
        ([0, 0, 0, 2, 2, 1], 0),  # more object than background, but of two classes
        ([1, 2, 2, 0], 2),
        ([1, 2, 2, 255], 2),
        ([0, 0, 255], 0),
        ([255, 255, 255, 1], 1),
        ([255, 255], None),
    ],
)
def test_class_of_a_mask_by_hand(covered: list[int], expected: int | None) -> None:
    truth = np.asarray([[*covered, 2, 2, 2, 2, 2]], dtype=np.uint8)
    mask = np.arange(truth.shape[1])[None] < len(covered)
    assert class_of_mask(truth, mask, 3) == expected


def test_purity_counts_masks_beside_their_objects_as_background() -> None:
    """Two clusters of three masks of four pixels: the second one's main class is background."""
    truths = ([1, 1, 1, 0], [1, 1, 0, 1], [0, 0, 0, 1], [0, 0, 0, 2], [2, 0, 0, 0], [2, 2, 2, 2])
    classes = [class_of_mask(np.asarray([truth], np.uint8), np.ones((1, 4), bool), 3) for truth in truths]
    assert classes == [1, 1, 0, 0, 0, 2]
    assert agreement([0, 0, 0, 1, 1, 1], [c for c in classes if c is not None])["purity"] == pytest.approx((2 + 2) / 6)
