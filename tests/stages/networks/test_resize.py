"""Sizes, padding and the way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskdistill.data.stores.rle import encode
from maskdistill.stages.networks.resize import (
    grid_to_code,
    grid_to_image,
    limit_long_side,
    patch_cover,
    resize,
    resize_mask,
    short_side_size,
)

sides = st.integers(1, 300)


@pytest.mark.parametrize(
    ("size_hw", "expected"), [((480, 640), (640, 853)), ((640, 480), (853, 640)), ((1, 1), (640, 640))]
)
def test_the_short_side_gets_its_length(size_hw: tuple[int, int], expected: tuple[int, int]) -> None:
    assert short_side_size(size_hw, 640, 16, 16384) == expected


@given(size_hw=st.tuples(st.integers(1, 50_000), st.integers(1, 50_000)), limit=st.integers(1, 5000))
def test_the_patch_limit_holds_at_any_aspect(size_hw: tuple[int, int], limit: int) -> None:
    height, width = short_side_size(size_hw, 640, 16, limit)
    assert min(height, width) >= 1
    assert -(-height // 16) * -(-width // 16) <= limit


@given(grid=st.tuples(st.integers(1, 7), st.integers(1, 7)), cut=st.tuples(st.integers(0, 7), st.integers(0, 7)),
       size_hw=st.tuples(sides, sides), seed=st.integers(0, 99))  # fmt: skip
def test_one_step_equals_upsample_cut_resize(
    grid: tuple[int, int], cut: tuple[int, int], size_hw: tuple[int, int], seed: int
) -> None:
    mask = np.random.default_rng(seed).random(grid) > 0.5
    resized_hw = (grid[0] * 8 - cut[0], grid[1] * 8 - cut[1])
    upsampled = np.kron(mask, np.ones((8, 8), dtype=bool))[: resized_hw[0], : resized_hw[1]]
    np.testing.assert_array_equal(grid_to_image(mask, resized_hw, size_hw, 8), resize_mask(upsampled, size_hw))


@given(grid=st.tuples(st.integers(1, 7), st.integers(1, 7)), cut=st.tuples(st.integers(0, 7), st.integers(0, 7)),
       size_hw=st.tuples(sides, sides), share=st.floats(0, 1), seed=st.integers(0, 99))  # fmt: skip
def test_the_code_of_a_grid_is_that_of_its_image(
    grid: tuple[int, int], cut: tuple[int, int], size_hw: tuple[int, int], share: float, seed: int
) -> None:
    mask = np.random.default_rng(seed).random(grid) < share
    resized_hw = (grid[0] * 8 - cut[0], grid[1] * 8 - cut[1])
    assert grid_to_code(mask, resized_hw, size_hw, 8) == encode(grid_to_image(mask, resized_hw, size_hw, 8))


@given(size_hw=st.tuples(sides, sides), factor=st.integers(1, 4), seed=st.integers(0, 99))
def test_enlarging_and_back_loses_nothing(size_hw: tuple[int, int], factor: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random(size_hw) > 0.5
    enlarged = resize_mask(mask, (size_hw[0] * factor, size_hw[1] * factor))
    np.testing.assert_array_equal(enlarged[::factor, ::factor], mask)
    np.testing.assert_array_equal(resize_mask(enlarged, size_hw), mask)


def test_crops_are_only_ever_shrunk() -> None:
    assert limit_long_side((30, 40), 64) == (30, 40)
    assert limit_long_side((64, 128), 64) == (32, 64)
    assert limit_long_side((1, 1000), 10) == (1, 10)


def test_pixels_of_the_right_size_stay_as_they_are() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert resize(pixels, (2, 4)) is pixels
    assert resize(pixels, (5, 3)).shape == (5, 3, 3)


def test_patches_are_covered_by_the_pixels_in_them() -> None:
    mask = np.zeros((6, 10), dtype=bool)
    mask[0:3, 3:6] = True  # in the patches of 4 px: 3 x 1 pixels, 3 x 2 pixels, and no row beyond the image
    mask[5, 9] = True
    np.testing.assert_allclose(patch_cover(mask, (6, 10), 4) * 16, [[3, 6, 0], [0, 0, 1]], rtol=1e-6)


def test_half_a_pixel_that_is_resized_covers_half_as_much() -> None:
    mask = np.array([[False, True, False]])
    # 3 px become 8: the pixel reaches from 2 2/3 to 5 1/3, over 1 1/3 px of either patch; its height becomes 2.
    np.testing.assert_allclose(patch_cover(mask, (2, 8), 4) * 16, [[8 / 3, 8 / 3]], rtol=1e-5)


@given(size_hw=st.tuples(sides, sides), resized_hw=st.tuples(sides, sides), seed=st.integers(0, 99))
def test_resizing_keeps_the_fraction_that_is_covered(
    size_hw: tuple[int, int], resized_hw: tuple[int, int], seed: int
) -> None:
    mask = np.random.default_rng(seed).random(size_hw) > 0.7
    mask[0, 0] = True
    cover = patch_cover(mask, resized_hw, 16)
    assert cover.shape == (-(-resized_hw[0] // 16), -(-resized_hw[1] // 16))
    assert 0 <= cover.min() <= cover.max() <= 1 + 1e-5
    np.testing.assert_allclose(cover.sum() * 256 / np.prod(resized_hw), mask.mean(), rtol=1e-4)
