"""STEGO and Hidden Positives at unusual inputs: one patch, oblong maps, vectors of zeros, images all the same."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import own_size
from maskdistill.stages.correspond.correlation import at_points, centred, correlation_loss, correlations
from maskdistill.stages.correspond.methods.second_look import recolour
from maskdistill.stages.correspond.neighbours import OFFSETS, mix_neighbours, neighbour_weights
from maskdistill.stages.correspond.positives import hidden_positive_loss
from maskdistill.stages.correspond.probe import ClusterProbe
from maskdistill.stages.correspond.shifts import choose_shifts
from maskdistill.stages.correspond.similar import without_themselves
from maskdistill.stages.mine.methods.miner import Photo


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_points_are_x_and_y_and_beyond_the_border_is_the_border() -> None:
    maps = torch.arange(6.0).reshape(1, 1, 2, 3)
    points = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [0, 0], [0, 5], [-5, 0]]).reshape(1, 6, 1, 2)
    found = at_points(maps, points)
    torch.testing.assert_close(found, torch.tensor([0, 2, 5, 2.5, 4, 1.5]).reshape(1, 1, 1, 6))


def test_a_single_value_is_the_same_at_all_points() -> None:
    maps = drawn(2, 3, 1, 1)
    found = at_points(maps, drawn(2, 4, 4, 2, seed=1))
    torch.testing.assert_close(found, maps.expand(2, 3, 4, 4))


def test_one_image_at_one_point_is_centred_to_itself() -> None:
    alike = correlations(drawn(1, 3, 1, 1), drawn(1, 3, 1, 1, seed=1))
    torch.testing.assert_close(centred(alike), alike)


def test_codes_of_zeros_are_like_nothing_and_have_a_finite_gradient() -> None:
    codes = torch.zeros(1, 3, 2, 2, requires_grad=True)
    features = correlations(drawn(1, 3, 2, 2), drawn(1, 3, 2, 2))
    alike = correlations(codes, codes)
    probe = ClusterProbe(2, 3)
    loss = correlation_loss(centred(features), alike, 0.1).mean() + probe.loss(codes)
    loss.backward()  # type: ignore[no-untyped-call]
    assert not alike.detach().any()
    assert float(loss.detach()) == 0
    assert codes.grad is not None and torch.isfinite(codes.grad).all()
    assert probe.centres.grad is not None and torch.isfinite(probe.centres.grad).all()


@pytest.mark.parametrize("grid_hw", [(1, 1), (1, 5), (4, 1), (2, 5)])
def test_neighbours_in_maps_of_any_shape(grid_hw: tuple[int, int]) -> None:
    """Against the equation, patch by patch."""
    height, width = grid_hw
    n = height * width
    logits, codes = drawn(n, n), drawn(1, 2, height, width, seed=1)
    low, high = logits.quantile(0.1, dim=1, keepdim=True), logits.quantile(0.9, dim=1, keepdim=True)
    attention = 28 * logits.clamp(low, high).softmax(dim=1)
    kept = torch.where(attention >= 28 / n - 1e-6, attention, 0.0)
    expected = torch.zeros_like(codes)
    for place in range(n):
        y, x = divmod(place, width)
        around = [(y + i, x + j) for i, j in OFFSETS if 0 <= y + i < height and 0 <= x + j < width]
        mixed = torch.stack([kept[place, i * width + j] * codes[0, :, i, j] for i, j in around])
        expected[0, :, y, x] = mixed.sum(dim=0) / len(around)
    found = mix_neighbours(codes, neighbour_weights(logits, grid_hw)[None])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("n_images", [1, 3])
def test_patches_that_are_all_the_same_are_all_positives(n_images: int) -> None:
    """Each is told from all others, which are as like it: the logarithm of their number, in units of 0.07."""
    n = 4 * n_images
    same = F.normalize(torch.ones(n, 3), dim=1)
    pools = F.normalize(torch.tensor([[1.0, 0, 0]]), dim=1).expand(2, 3)
    codes = same.clone().requires_grad_()
    loss = hidden_positive_loss(codes, same, same, same, (pools, pools), 0.5, 0.8, torch.zeros(4, n, dtype=torch.bool))
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == pytest.approx(0.8 / 0.07 * math.log(n - 1), rel=1e-4)
    assert codes.grad is not None and torch.isfinite(codes.grad).all()


@pytest.mark.parametrize("patches", [1, 4])
def test_features_of_zeros_have_no_positives_and_no_loss(patches: int) -> None:
    zeros, codes = torch.zeros(patches, 3), F.normalize(drawn(patches, 3), dim=1).requires_grad_()
    everything = torch.ones(patches, patches, dtype=torch.bool)
    loss = hidden_positive_loss(codes, codes, zeros, zeros, (zeros, zeros), 1.0, 0.8, everything)
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == 0
    assert codes.grad is not None and not codes.grad.any()


@pytest.mark.parametrize("size_hw", [(1, 1), (2, 8), (3, 3)])
def test_images_of_some_px_are_seen_in_other_colours_as_well(size_hw: tuple[int, int]) -> None:
    """Half of all images are blurred; these are too small for it, but for the last."""
    photo = Photo(0, "tiny", own_size(np.full((*size_hw, 3), 100, dtype=np.uint8)))
    for seed in range(10):
        assert recolour(photo, seed).shape == photo.pixels.shape


def test_fewer_points_than_clusters_name_the_setting() -> None:
    maps = drawn(2, 3, 4, 4)
    with pytest.raises(InputError, match=r"correspond\.stego\.points: 8 points in all for 9 clusters"):
        choose_shifts([(maps, maps)], 9, 2, 1, 0, centre=True, rule="auto")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([[0, 1, 2], [1, 0, 2], [2, 0, 1]], [[1, 2], [0, 2], [0, 1]]),
        ([[1, 2, 0], [0, 2, 1], [1, 0, 2]], [[1, 2], [0, 2], [1, 0]]),
        ([[0, 1, -1], [1, -1, -1], [1, 2, -1]], [[1, 1], [1, 1], [1, 1]]),
    ],
)
def test_what_an_index_does_not_find_is_no_image(found: list[list[int]], expected: list[list[int]]) -> None:
    """An approximate index gives -1 where it finds too few; the last image would be taken for that."""
    rows: NDArray[np.int64] = np.array(found, dtype=np.int64)
    assert without_themselves(rows).tolist() == expected
