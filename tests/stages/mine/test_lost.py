"""LOST on features of which the degrees are known, and against a reference that forms all products."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from helpers.patches import features_of, rectangles
from maskdistill.stages.mine.methods.lost import degrees, lost_mask
from maskdistill.stages.mine.methods.lost_config import LostConfig

RULE = LostConfig()


def reference_mask(features: Tensor, grid_hw: tuple[int, int], k: int) -> NDArray[np.bool_]:
    """Written from section 3.2 of the paper, with loops."""
    products = (features.double() @ features.double().T).numpy()
    degree = [sum(product >= 0 for product in row) for row in products]
    order = sorted(range(len(products)), key=lambda patch: degree[patch])
    seeds = [patch for patch in order[:k] if products[patch, order[0]] >= 0]
    mask = np.asarray([sum(products[patch, seed] for seed in seeds) >= 0 for patch in range(len(products))])
    parts, _ = ndimage.label(mask.reshape(grid_hw))
    found: NDArray[np.bool_] = parts == parts.flat[order[0]]
    return found


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    grid_hw=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    k=st.sampled_from([1, 4, 100]),
    offset=st.sampled_from([0.0, 0.4]),
)
def test_equals_the_reference_that_forms_all_products(
    seed: int, grid_hw: tuple[int, int], k: int, offset: float
) -> None:
    features = torch.randn(grid_hw[0] * grid_hw[1], 5, generator=torch.Generator().manual_seed(seed)) + offset
    np.testing.assert_array_equal(
        lost_mask(features, grid_hw, LostConfig(n_candidates=k)), reference_mask(features, grid_hw, k)
    )


def test_the_degree_counts_what_does_not_point_the_other_way() -> None:
    features = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [-1.0, 0.5]])
    assert degrees(features).tolist() == [3, 3, 4, 2]
    many = torch.randn(1500, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(degrees(many), (many @ many.T >= 0).sum(dim=1))


def test_the_seed_is_the_patch_of_lowest_degree() -> None:
    """The small object is found, and not the large one, though both stand out from the background."""
    masks = rectangles((12, 12), (1, 1, 6, 6), (9, 9, 2, 2))
    features = features_of(masks, noise=0)
    # The objects point away from each other.
    features[torch.from_numpy(masks[0].ravel())] += torch.tensor([0.0, 0.0, -0.5, 0.0])
    lowest = degrees(features).reshape(12, 12)
    rest = torch.from_numpy(~masks.any(axis=0))
    assert lowest[masks[1]].max() < min(lowest[masks[0]].min(), lowest[rest].min())
    np.testing.assert_array_equal(lost_mask(features, (12, 12), RULE), masks[1])


def test_more_candidates_find_what_resembles_the_seed_less() -> None:
    """The first patch has the lowest degree; the second one resembles it, and the third one resembles their sum."""
    angles = torch.deg2rad(torch.tensor([0.0, 60.0, 100.0, 180.0, 195.0, 200.0, 210.0, 220.0]))
    features = torch.stack([angles.cos(), angles.sin()], dim=1)
    assert degrees(features).tolist() == [2, 3, 3, 6, 5, 5, 5, 5]
    for k, size in ((1, 2), (2, 3)):
        (found,) = lost_mask(features, (1, 8), LostConfig(n_candidates=k))
        assert found.tolist() == [True] * size + [False] * (8 - size)


@pytest.mark.parametrize("grid_hw", [(1, 1), (1, 7), (7, 1), (4, 5)])
@pytest.mark.parametrize("value", [0.0, -3.0, 2.5])
def test_where_all_patches_are_alike_all_are_the_object(grid_hw: tuple[int, int], value: float) -> None:
    features = torch.full((grid_hw[0] * grid_hw[1], 6), value)
    assert lost_mask(features, grid_hw, RULE).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.sampled_from([0.25, 8.0]))
def test_scale_and_direction_of_the_features_do_not_matter(seed: int, scale: float) -> None:
    masks = rectangles((9, 11), (2, 3, 4, 3))
    features = features_of(masks, seed=seed)
    expected = lost_mask(features, (9, 11), RULE)
    np.testing.assert_array_equal(lost_mask(scale * features, (9, 11), RULE), expected)
    np.testing.assert_array_equal(lost_mask(features.flip(1), (9, 11), RULE), expected)
