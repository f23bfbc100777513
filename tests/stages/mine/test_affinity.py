"""The mask rule against the authors' masks and against a reference that forms the whole affinity matrix."""

import json
from typing import Any, TypedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from helpers.paths import GOLDEN
from maskdistill.stages.mine.methods.affinity_rule import keep_mass, object_mask, object_masks, propose
from maskdistill.stages.mine.methods.components import split_objects
from maskdistill.stages.mine.methods.tidy import tidy

CASES = json.loads((GOLDEN / "affinity.json").read_text())["cases"]


class Rule(TypedDict):
    """The numbers of the mask rule."""

    n_heads: int
    topk_fraction: float
    attention_mass: float


def reference_mask(
    queries: Tensor, keys: Tensor, grid_hw: tuple[int, int], rule: Rule, key_mean: Tensor | None
) -> NDArray[np.bool_]:
    """Forms G. Written from the description, with loops."""
    n = grid_hw[0] * grid_hw[1]
    attention = (queries[: rule["n_heads"], :1] * keys[: rule["n_heads"], 1:]).sum(-1).mean(0)
    order = sorted(range(n), key=lambda i: attention[i].item())
    mass, total = 0.0, attention.sum().item()
    kept = attention.clone()
    for i in order:
        mass += attention[i].item() / total
        if not mass > 1 - rule["attention_mass"]:
            kept[i] = 0
    proposals = torch.topk(kept, max(1, int(rule["topk_fraction"] * n))).indices.tolist()
    patches = keys[:, 1:] if key_mean is None else keys[:, 1:] - key_mean[:, None]
    affinity = sum(head @ head.T for head in patches.double()).numpy()
    source = proposals[0]
    rows = [affinity[j] for j in proposals if affinity[source, j] > 0]
    mask = (np.sum(rows, axis=0) > 0).reshape(grid_hw)
    labels, _ = ndimage.label(mask, structure=[[0, 1, 0], [1, 1, 1], [0, 1, 0]])
    return np.asarray((labels == labels.flat[source]) & mask)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['rows']}x{case['cols']}")
def test_masks_are_those_of_the_authors(case: dict[str, Any]) -> None:
    mask = object_mask(
        torch.tensor(case["queries"]),
        torch.tensor(case["keys"]),
        (case["rows"], case["cols"]),
        n_heads=case["n_heads_averaged"],
        topk_fraction=case["topk_fraction"],
        attention_mass=case["attention_mass"],
    )
    assert mask.dtype == bool and mask.shape == (case["rows"], case["cols"])
    np.testing.assert_array_equal(mask, np.asarray(case["mask"], dtype=bool))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    grid_hw=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    heads=st.integers(1, 4),
    n_heads=st.integers(1, 6),
    topk_fraction=st.sampled_from([0.05, 0.4, 0.77, 1.0]),
    attention_mass=st.sampled_from([0.2, 0.5, 0.9]),
    centred=st.booleans(),
)
def test_equals_the_reference_that_forms_the_matrix(
    seed: int,
    grid_hw: tuple[int, int],
    heads: int,
    n_heads: int,
    topk_fraction: float,
    attention_mass: float,
    centred: bool,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = (heads, 1 + grid_hw[0] * grid_hw[1], 5)
    queries, keys = (torch.randn(shape, generator=generator) + 0.3 for _ in range(2))
    # The mean over a single patch would leave a key of zero, whose mask is empty by definition.
    key_mean = keys[:, 1:].mean(1) * 0.9 if centred else None
    rule = Rule(n_heads=n_heads, topk_fraction=topk_fraction, attention_mass=attention_mass)
    (mask,) = object_masks(queries, keys, grid_hw, **rule, key_mean=key_mean)
    expected = reference_mask(queries, keys, grid_hw, rule, key_mean)
    np.testing.assert_array_equal(mask, expected)
    assert mask.any()


def test_the_kept_mass_is_the_strongest_half() -> None:
    attention = torch.tensor([1.0, 4.0, 2.0, 3.0])
    assert keep_mass(attention, 0.5).tolist() == [0, 4, 0, 3]
    assert keep_mass(attention, 1.0).tolist() == [1, 4, 2, 3]


def test_the_source_is_the_first_proposal() -> None:
    assert propose(torch.tensor([0.0, 2.0, 5.0, 1.0]), 0.5).tolist() == [2, 1]
    assert propose(torch.tensor([3.0]), 0.1).tolist() == [0]


def test_diagonal_neighbours_are_not_connected() -> None:
    mask = np.asarray([[1, 0, 0], [0, 1, 1], [0, 0, 1]], dtype=bool)
    (found,) = split_objects(mask, 4, max_masks=1, min_area=0)
    assert found.tolist() == [[False] * 3, [False, True, True], [False, False, True]]
    assert not split_objects(mask, 1, max_masks=1, min_area=0).any()


def test_further_masks_are_the_largest_other_parts() -> None:
    mask = np.asarray([[1, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0], [1, 0, 0, 1]], dtype=bool)
    source = 0
    areas = [[int(part.sum()) for part in split_objects(mask, source, n, share)] for n, share in
             ((1, 0), (2, 0), (3, 0), (9, 0), (9, 3 / 16), (9, 4 / 16), (9, 5 / 16))]  # fmt: skip
    assert areas == [[1], [1, 4], [1, 4, 3], [1, 4, 3, 1], [1, 4, 3], [1, 4], [1]]
    parts = split_objects(mask, source, 9, 0)
    np.testing.assert_array_equal(parts.sum(axis=0), mask)
    assert parts[0, 0, 0]


def test_keys_of_zero_give_the_source_patch_alone() -> None:
    zeros = torch.zeros(2, 5, 3)
    masks = object_masks(zeros, zeros, (2, 2), n_heads=2, topk_fraction=0.5, attention_mass=0.5, max_masks=3)
    assert masks.shape == (1, 2, 2) and masks.sum() == 1


FRAME_WITH_THREAD = np.asarray(
    [[0, 0, 0, 0, 0, 0, 0],
     [0, 1, 1, 1, 1, 0, 0],
     [0, 1, 0, 0, 1, 1, 1],
     [0, 1, 0, 0, 1, 0, 0],
     [0, 1, 1, 1, 1, 0, 0]], dtype=bool)  # fmt: skip


def test_holes_are_filled_and_then_threads_are_cut_off() -> None:
    as_it_was, _ = tidy(FRAME_WITH_THREAD, 8)
    np.testing.assert_array_equal(as_it_was, FRAME_WITH_THREAD)
    filled, source = tidy(FRAME_WITH_THREAD, 8, fill_holes=True)
    assert filled.sum() == FRAME_WITH_THREAD.sum() + 4 and filled[2:4, 2:4].all() and source == 8
    opened, source = tidy(FRAME_WITH_THREAD, 20, fill_holes=True, opening=1)
    # Five patches have all four neighbours: the four that were filled and (2, 4), where the thread begins.
    expected = np.asarray(
        [[0, 0, 0, 0, 0, 0, 0],
         [0, 0, 1, 1, 1, 0, 0],
         [0, 1, 1, 1, 1, 1, 0],
         [0, 1, 1, 1, 1, 0, 0],
         [0, 0, 1, 1, 0, 0, 0]], dtype=bool)  # fmt: skip
    np.testing.assert_array_equal(opened, expected)
    assert source == 19, "the end of the thread, (2, 6), is gone; (2, 5) is nearest"


def test_a_mask_that_is_thin_all_over_survives_the_opening() -> None:
    thread = np.zeros((5, 5), dtype=bool)
    thread[2] = True
    opened, source = tidy(thread, 10, opening=2)
    np.testing.assert_array_equal(opened, thread)
    assert source == 10


@settings(deadline=None, max_examples=50)
@given(arrays(bool, (6, 9)), st.integers(0, 53), st.booleans(), st.integers(0, 2))
def test_tidying_gives_a_patch_of_the_mask_and_never_an_empty_mask(
    mask: NDArray[np.bool_], source: int, fill_holes: bool, opening: int
) -> None:
    mask = mask.copy()
    mask.flat[source] = True
    tidied, patch = tidy(mask, source, fill_holes, opening)
    assert tidied.flat[patch]
    assert not (fill_holes and not opening) or (tidied >= mask).all()
