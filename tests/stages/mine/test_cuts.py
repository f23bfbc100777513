"""TokenCut and MaskCut on patches that hold known objects."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.patches import features_of, rectangles
from maskdistill.stages.mine.methods.maskcut import maskcut_masks, n_corners
from maskdistill.stages.mine.methods.maskcut_config import MaskCutConfig
from maskdistill.stages.mine.methods.tokencut import tokencut_mask
from maskdistill.stages.mine.methods.tokencut_config import TokenCutConfig

GRID = (14, 18)
ONE = rectangles(GRID, (4, 3, 5, 6))
THREE = rectangles(GRID, (2, 2, 6, 6), (11, 8, 5, 4), (12, 1, 3, 3))
TOKENCUT = TokenCutConfig()
TINY = [(1, 1), (1, 2), (1, 9), (9, 1), (2, 2)]


def maskcut(masks: NDArray[np.bool_], **rule: object) -> NDArray[np.bool_]:
    """What MaskCut finds where these objects are."""
    return maskcut_masks(features_of(masks), GRID, MaskCutConfig.model_validate(rule))


def test_tokencut_finds_an_object() -> None:
    np.testing.assert_array_equal(tokencut_mask(features_of(ONE), GRID, TOKENCUT), ONE[0])


def test_tokencut_takes_one_of_several_objects() -> None:
    found = tokencut_mask(features_of(THREE), GRID, TOKENCUT)
    assert any(np.array_equal(found, mask) for mask in THREE)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.sampled_from([0.01, 30.0]))
def test_lengths_and_axes_of_the_features_do_not_matter(seed: int, scale: float) -> None:
    features = features_of(ONE, seed=seed)
    lengths = scale * (1 + torch.rand(len(features), 1, generator=torch.Generator().manual_seed(seed)))
    for other in (lengths * features, features.flip(1), -features):
        np.testing.assert_array_equal(tokencut_mask(other, GRID, TOKENCUT), ONE[0])


def test_a_mirrored_image_has_the_mirrored_object() -> None:
    features = features_of(ONE).reshape(*GRID, -1).flip(1).flatten(0, 1)
    np.testing.assert_array_equal(tokencut_mask(features, GRID, TOKENCUT), ONE[0, :, ::-1])


def test_maskcut_finds_every_object_once_and_stops() -> None:
    found = maskcut(THREE, max_masks=8)
    assert len(found) == 3
    assert found.sum(axis=0).max() == 1
    assert {mask.tobytes() for mask in found} == {mask.tobytes() for mask in THREE}


def test_maskcut_finds_no_more_than_asked_for() -> None:
    first, second = maskcut(THREE, max_masks=1), maskcut(THREE, max_masks=2)
    assert len(first) == 1 and len(second) == 2
    np.testing.assert_array_equal(first[0], second[0])


def test_the_first_object_of_maskcut_is_that_of_tokencut() -> None:
    features = features_of(THREE)
    (found,) = maskcut_masks(features, GRID, MaskCutConfig(max_masks=1, similarity=0.2))
    np.testing.assert_array_equal(found, tokencut_mask(features, GRID, TOKENCUT))


def test_a_small_further_object_ends_the_search() -> None:
    area = maskcut(THREE)[-1].mean()
    assert [len(maskcut(THREE, min_area=share)) for share in (area - 0.001, area)] == [3, 2]


@pytest.mark.parametrize("chosen", range(3))
def test_the_object_that_the_class_token_attends_to_is_the_first(chosen: int) -> None:
    features, attention = features_of(THREE), np.where(THREE[chosen].ravel(), 1, -1).astype(np.float32)
    np.testing.assert_array_equal(tokencut_mask(features, GRID, TOKENCUT, attention), THREE[chosen])
    found = maskcut_masks(features, GRID, MaskCutConfig(), attention)
    np.testing.assert_array_equal(found[0], THREE[chosen])
    assert found.sum(axis=0).max() == 1


def test_a_side_with_more_corners_than_an_object_may_have_is_the_background() -> None:
    """Here the patches of a frame, which has all corners, stand out most."""
    inside = rectangles(GRID, (2, 2, 14, 10))
    features = features_of(~inside)
    np.testing.assert_array_equal(tokencut_mask(features, GRID, TOKENCUT), ~inside[0])
    rule = {"max_masks": 1, "fill_holes": False}
    for max_corners, expected in ((1, inside[0]), (3, inside[0]), (4, ~inside[0])):
        (found,) = maskcut_masks(features, GRID, MaskCutConfig.model_validate({**rule, "max_corners": max_corners}))
        np.testing.assert_array_equal(found, expected)


def test_corners_of_a_row_are_two() -> None:
    assert n_corners(np.ones((3, 4), dtype=bool)) == 4
    assert n_corners(np.ones((1, 4), dtype=bool)) == n_corners(np.ones((4, 1), dtype=bool)) == 2
    assert n_corners(np.ones((1, 1), dtype=bool)) == 1
    assert n_corners(rectangles((4, 5), (1, 0, 3, 4))[0]) == 0


@pytest.mark.parametrize("grid_hw", [*TINY, (8, 9)])
@pytest.mark.parametrize("value", [0.0, -3.0, 2.5])
def test_where_all_patches_are_alike_all_are_one_object(grid_hw: tuple[int, int], value: float) -> None:
    features = torch.full((grid_hw[0] * grid_hw[1], 6), value)
    assert tokencut_mask(features, grid_hw, TOKENCUT).all()
    masks = maskcut_masks(features, grid_hw, MaskCutConfig())
    assert masks.shape == (1, *grid_hw) and masks.all()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    grid_hw=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    similarity=st.sampled_from([0.05, 0.3, 0.8]),
    max_corners=st.integers(0, 4),
    opening=st.integers(0, 1),
)
def test_whatever_the_features_masks_are_not_empty_and_do_not_overlap(
    seed: int, grid_hw: tuple[int, int], similarity: float, max_corners: int, opening: int
) -> None:
    features = torch.randn(grid_hw[0] * grid_hw[1], 3, generator=torch.Generator().manual_seed(seed))
    assert tokencut_mask(features, grid_hw, TokenCutConfig(similarity=similarity, opening=opening)).any()
    rule = MaskCutConfig(similarity=similarity, max_corners=max_corners, opening=opening, min_area=0, max_masks=4)
    masks = maskcut_masks(features, grid_hw, rule)
    assert 1 <= len(masks) <= 4
    assert masks.any(axis=(1, 2)).all()
    assert masks.sum(axis=0).max() <= 1
    np.testing.assert_array_equal(maskcut_masks(features, grid_hw, rule), masks)
