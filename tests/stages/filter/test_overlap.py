"""Both overlap rules on masks drawn by hand."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from maskdistill.data.stores.masks import MaskStoreBuilder
from maskdistill.stages.filter.overlap import RULES, Rule, drop, occlude

Masks = NDArray[np.bool_]


def draw(*pictures: str) -> Masks:
    """Masks from rows of # and ., separated by spaces."""
    return np.array([[[pixel == "#" for pixel in row] for row in picture.split()] for picture in pictures])


STRONG, CROSSING, ASIDE, INSIDE = "##.. ##.. ....", ".### .#.. ....", ".... ..## ..##", "#... .... ...."


def test_drop_removes_what_overlaps() -> None:
    kept = drop(draw(STRONG, CROSSING, ASIDE, INSIDE))
    assert np.array_equal(kept, draw(STRONG, ".... .... ....", ASIDE, ".... .... ...."))


def test_drop_asks_only_the_kept_ones() -> None:
    chain = draw("##.... ......", ".###.. ......", "...### ......")
    assert drop(chain).any(axis=(1, 2)).tolist() == [True, False, True]


def test_occlude_leaves_free_pixels() -> None:
    left = occlude(draw(STRONG, CROSSING, ASIDE, INSIDE))
    assert np.array_equal(left, draw(STRONG, "..## .... ....", ASIDE, ".... .... ...."))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_no_masks(rule: Rule) -> None:
    assert rule(np.zeros((0, 3, 4), dtype=bool), None).shape == (0, 3, 4)


@pytest.mark.parametrize("name", RULES)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 6))
def test_disjoint_subsets_and_the_best_stays(name: Literal["drop", "occlude"], seed: int, n: int) -> None:
    masks = np.random.default_rng(seed).random((n, 4, 5)) < 0.3
    before = masks.copy()
    result = RULES[name](masks, None)
    assert np.array_equal(masks, before)
    assert result.sum(axis=0).max() <= 1
    assert not (result & ~masks).any()
    assert np.array_equal(result[0], masks[0])
    if name == "occlude":
        assert np.array_equal(result.any(axis=0), masks.any(axis=0))
    else:
        assert all(np.array_equal(new, old) for new, old in zip(result, masks, strict=True) if new.any())


@pytest.mark.parametrize("name", RULES)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 5))
def test_windows_change_nothing(name: Literal["drop", "occlude"], seed: int, n: int) -> None:
    """Stored masks and the windows of their boxes, against masks alone."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((n, 9, 7), dtype=bool)
    for mask in masks:
        top, left = rng.integers(0, (9, 7))
        mask[top : top + 4, left : left + 3] = True
    builder = MaskStoreBuilder()
    builder.add("image", masks)
    store = builder.build()
    stored = store.decode_rows(range(n))
    assert np.array_equal(stored, masks)
    found = RULES[name](stored, [store.window(row) for row in range(n)])
    assert np.array_equal(found, RULES[name](masks, None))
