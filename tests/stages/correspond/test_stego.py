"""STEGO's functions at their edges: what follows from the equations."""

import pytest
import torch
from torch import Tensor

from maskdistill.stages.correspond.correlation import centred, correlation_loss, correlations, other_images
from maskdistill.stages.correspond.pairs import Pairs
from maskdistill.stages.correspond.probe import ClusterProbe
from maskdistill.stages.correspond.shifts import choose_shifts
from maskdistill.stages.correspond.similar import most_similar

SHIFT = 0.18
EYE = torch.eye(2).reshape(1, 2, 1, 2)
"""Two positions, orthonormal."""


def drawn(seed: int = 0, shape: tuple[int, ...] = (2, 3, 2, 2)) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def loss_of(features: Tensor, codes: Tensor, *, zero_clamp: bool = True) -> float:
    compared = centred(correlations(features, features))
    return float(correlation_loss(compared, correlations(codes, codes), SHIFT, zero_clamp=zero_clamp).mean())


def test_centring_keeps_the_mean_and_gives_every_row_the_same() -> None:
    alike = correlations(drawn(0), drawn(1))
    found = centred(alike)
    torch.testing.assert_close(found.mean(), alike.mean())
    torch.testing.assert_close(found.mean(dim=(3, 4)), alike.mean().expand(2, 2, 2))


def test_collapsed_codes_lose_what_lies_between_mean_and_shift() -> None:
    alike = correlations(drawn(), drawn())
    loss = correlation_loss(centred(alike), torch.ones_like(alike), SHIFT)
    torch.testing.assert_close(loss.mean(), SHIFT - alike.mean())


@pytest.mark.parametrize(
    ("codes", "zero_clamp", "expected"),
    [
        (EYE, True, -0.41),
        (torch.ones(1, 2, 1, 2), True, -0.32),
        (torch.tensor([[1.0, -1.0], [0.0, 0.0]]).reshape(1, 2, 1, 2), True, -0.41),
        (torch.tensor([[1.0, -1.0], [0.0, 0.0]]).reshape(1, 2, 1, 2), False, -0.50),
    ],
)
def test_two_positions_by_hand(codes: Tensor, zero_clamp: bool, expected: float) -> None:
    assert loss_of(EYE, codes, zero_clamp=zero_clamp) == pytest.approx(expected)


def test_the_gradient_draws_together_what_lies_above_the_shift_and_never_reaches_features() -> None:
    features = correlations(drawn(0), drawn(1)).requires_grad_()
    codes = correlations(drawn(2), drawn(3)).requires_grad_()
    correlation_loss(features, codes, SHIFT).mean().backward()  # type: ignore[no-untyped-call]
    expected = torch.where(codes > 0, -(features - SHIFT) / features.numel(), 0.0)
    assert features.grad is None
    assert codes.grad is not None
    torch.testing.assert_close(codes.grad, expected.detach())


def test_the_loss_knows_directions_alone() -> None:
    features, codes = drawn(0), drawn(1)
    rotation = torch.linalg.qr(drawn(2, (3, 3))).Q
    rotated = torch.einsum("dc,bchw->bdhw", rotation, codes)
    scaled = codes * drawn(3, (2, 1, 2, 2)).abs(), features * drawn(4, (2, 1, 2, 2)).abs()
    assert loss_of(features, rotated) == pytest.approx(loss_of(features, codes), abs=1e-6)
    assert loss_of(scaled[1], scaled[0]) == pytest.approx(loss_of(features, codes), abs=1e-6)


@pytest.mark.parametrize("interpolate", ["codes", "tokens"])
def test_shapes_of_pairs(interpolate: str) -> None:
    pairs = Pairs.draw(3, 4, 5, torch.device("cpu"))
    maps = drawn(0, (3, 2, 6, 6)), drawn(1, (3, 2, 6, 6))
    seen = pairs.seen(*maps) if interpolate == "codes" else pairs.among(*pairs.seen_once(*maps))
    found = seen.compare()
    assert {kind: [tuple(one.shape) for one in of] for kind, of in found.items()} == {
        "same": [(3, 4, 4, 4, 4)],
        "similar": [(3, 4, 4, 4, 4)],
        "other": [(3, 4, 4, 4, 4)] * 5,
    }


@pytest.mark.parametrize("n_images", [2, 3, 16])
def test_no_image_is_its_own_other(n_images: int) -> None:
    for seed in range(20):
        permutation = torch.randperm(n_images, generator=torch.Generator().manual_seed(seed))
        assert not (other_images(permutation) == torch.arange(n_images)).any()


def test_probe_is_best_with_a_centre_along_every_code_and_knows_no_lengths() -> None:
    probe, codes = ClusterProbe(3, 2), EYE * 5
    probe.centres.data = torch.tensor([[2.0, 0.0], [0.0, 0.1], [-1.0, -1.0]])
    loss = probe.loss(codes)
    assert float(loss.detach()) == pytest.approx(-1)
    probe.centres.data = probe.centres.data + 0.3
    worse = probe.loss(codes.requires_grad_())
    worse.backward()  # type: ignore[no-untyped-call]
    assert -1 < float(worse.detach()) <= 1
    assert codes.grad is None
    assert probe.centres.grad is not None
    assert not probe.centres.grad[2].any(), "nothing is in it"


def test_shifts_leave_as_many_pairs_above_as_fall_into_one_cluster() -> None:
    """Half of each image is of one direction and half of another, the same two everywhere: half of all pairs agree."""
    maps = torch.zeros(4, 3, 8, 8)
    maps[:, 0, :, :4], maps[:, 1, :, 4:] = 1, 1
    torch.manual_seed(0)
    found = choose_shifts([(maps, maps)], 2, 6, 3, 0, centre=False, rule="auto")
    for shift in (found.same, found.similar, found.other):
        assert 0 <= shift <= 1
    alike = correlations(maps, maps)
    assert float((alike > found.other).float().mean()) <= 0.6


def test_shifts_are_half_a_deviation_below_how_alike_pairs_are_on_the_mean() -> None:
    """Half of each image is of one direction and half of another, at right angles: cosines are 0 or 1, as often."""
    maps = torch.zeros(4, 3, 64, 64)
    maps[:, 0, :, :32], maps[:, 1, :, 32:] = 1, 1
    torch.manual_seed(0)
    found = choose_shifts([(maps, maps)], 2, 11, 3, 0, centre=False, rule="below_mean")
    for shift in (found.same, found.similar, found.other):
        assert shift == pytest.approx(0.25, abs=0.05)


def test_shifts_by_otsu_keep_a_background_in_one_that_fills_nearly_all() -> None:
    """A tenth of each image is an object; the background is of many near directions, which are to stay together."""
    directions = torch.randn(4, 6, 10, 10, generator=torch.Generator().manual_seed(0)) * 0.1
    maps = directions + torch.eye(6)[0][None, :, None, None]
    maps[:, :, 0] += 3 * torch.eye(6)[1][None, :, None]
    torch.manual_seed(0)
    found = choose_shifts([(maps, maps)], 3, 6, 3, 0, centre=False, rule="otsu")
    alike = correlations(maps, maps)
    for shift in (found.same, found.similar, found.other):
        assert (alike[:, 1:, :, 1:] > shift).float().mean() > 0.95, "background with background"
        assert (alike[:, 1:, :, :1] > shift).float().mean() < 0.05, "background with objects"
    torch.manual_seed(0)
    by_clusters = choose_shifts([(maps, maps)], 3, 6, 3, 0, centre=False, rule="auto")
    assert (alike[:, 1:, :, 1:] > by_clusters.same).float().mean() < 0.8, "K-means splits the background"


def test_most_similar_images_are_others() -> None:
    angles = torch.tensor([0.0, 0.1, 0.25, 3.0])
    means = torch.stack([angles.cos(), angles.sin()], dim=1).numpy()
    assert most_similar(means, 2, "exact").tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    found = most_similar(means[[0, 0, 0]], 7, "exact").tolist()
    assert [sorted(others) for others in found] == [[1, 2], [0, 2], [0, 1]]
