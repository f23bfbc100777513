"""Hidden Positives' functions at their edges: what follows from the equations."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from maskdistill.stages.correspond.neighbours import mix_neighbours, neighbour_weights
from maskdistill.stages.correspond.positives import (
    bars,
    consistency_loss,
    contrastive_loss,
    find_anchors,
    hidden_positive_loss,
    positives,
    ramp_of,
)
from maskdistill.stages.training.ema import frozen_copy, move_towards

N = 12
ALL = slice(0, N)


def unit(seed: int, rows: int = N, dim: int = 4) -> Tensor:
    return F.normalize(torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_positives_are_mutual_and_never_oneself() -> None:
    features = unit(0)
    found = positives(features, bars(features, unit(1, 3)), ALL)
    assert found.any()
    assert torch.equal(found, found.T)
    assert not found.diagonal().any()


def test_a_larger_pool_leaves_fewer_positives_and_one_of_all_patches_none() -> None:
    features, pool = unit(0), unit(1, 6)
    few, many = (positives(features, bars(features, part), ALL) for part in (pool, pool[:2]))
    assert (few & ~many).sum() == 0
    assert few.sum() < many.sum()
    assert not positives(features, bars(features, features) + 1e-6, ALL).any()


def test_without_positives_by_codes_no_patch_has_a_negative_loss() -> None:
    codes = unit(0)
    general = positives(unit(1), bars(unit(1), unit(2, 3)), ALL)
    drawn = torch.rand(N, N, generator=torch.Generator().manual_seed(3)) < 0.3
    for row in range(N):
        rows = slice(row, row + 1)
        anchors = find_anchors(general[rows], torch.zeros(1, N, dtype=torch.bool), 0.0, drawn[rows], rows)
        assert float(contrastive_loss(codes, anchors, 0.8)) >= -1e-6


def test_the_loss_is_0_where_the_only_positive_is_all_that_is_compared() -> None:
    general = torch.zeros(1, N, dtype=torch.bool)
    general[0, 5] = True
    anchors = find_anchors(general, torch.zeros_like(general), 0.0, torch.zeros_like(general), slice(0, 1))
    assert float(contrastive_loss(unit(0), anchors, 0.8)) == pytest.approx(0, abs=1e-5)


def whole_loss(codes: Tensor, mixed: Tensor, *others: Tensor) -> Tensor:
    features, averaged = others if others else (unit(2), unit(3, dim=3))
    drawn = torch.rand(N // 2, N, generator=torch.Generator().manual_seed(4)) < 0.5
    pools = unit(5, 3), unit(6, 3, dim=3)
    return hidden_positive_loss(codes, mixed, features, averaged, pools, 0.5, 0.8, drawn)


def test_the_loss_is_the_same_for_rotated_codes_each_for_itself() -> None:
    rotations = [torch.linalg.qr(unit(seed, 4)).Q for seed in (7, 8)]
    expected = whole_loss(unit(0), unit(1))
    torch.testing.assert_close(whole_loss(unit(0) @ rotations[0], unit(1) @ rotations[1]), expected)


def test_no_gradient_flows_into_what_says_who_is_positive() -> None:
    codes, mixed = unit(0).requires_grad_(), unit(1).requires_grad_()
    features, averaged = unit(2).requires_grad_(), unit(3, dim=3).requires_grad_()
    whole_loss(codes, mixed, features, averaged).backward()  # type: ignore[no-untyped-call]
    assert features.grad is None
    assert averaged.grad is None
    assert codes.grad is not None
    assert mixed.grad is not None


def test_an_image_without_positives_counts_as_nothing() -> None:
    general = torch.zeros(N, N, dtype=torch.bool)
    anchors = find_anchors(general, ~general, 1.0, ~general, ALL)
    codes = unit(0).requires_grad_()
    loss = contrastive_loss(codes, anchors, 0.8)
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == 0


def test_neighbours_weigh_at_least_the_mean_or_nothing() -> None:
    logits = torch.randn(12, 12, generator=torch.Generator().manual_seed(0))
    weights = neighbour_weights(logits, (3, 4))
    assert weights.shape == (9, 3, 4)
    assert (weights[weights != 0] >= 28 / 12 - 1e-5).all()
    assert not weights[:3, 0].any(), "above the first row is nothing"
    assert not weights[::3, :, 0].any(), "left of the first column is nothing"


def test_constant_codes_mix_to_multiples_of_themselves() -> None:
    weights = neighbour_weights(torch.randn(9, 9, generator=torch.Generator().manual_seed(0)), (3, 3))
    code = torch.tensor([1.0, -2.0]).reshape(1, 2, 1, 1).expand(1, 2, 3, 3)
    counts = torch.tensor([[4.0, 6, 4], [6, 9, 6], [4, 6, 4]])
    expected = code * (weights.sum(dim=0) / counts)
    torch.testing.assert_close(mix_neighbours(code, weights[None]), expected)


@pytest.mark.parametrize(("kept", "expected"), [(1.0, 0.0), (0.0, 1.0)])
def test_the_average_stands_still_or_follows_at_once(kept: float, expected: float) -> None:
    layer = torch.nn.Linear(1, 1)
    layer.weight.data.fill_(0.0)
    average = frozen_copy(layer)
    layer.weight.data.fill_(1.0)
    move_towards(average, layer, kept)
    assert float(average.weight.detach()) == expected


def test_positives_by_codes_set_in_after_the_warm_up() -> None:
    assert ramp_of(1000, 1000, 5000) == 0
    assert ramp_of(1001, 1000, 5000) == pytest.approx(1 / 4000)
    assert ramp_of(5000, 1000, 5000) == 1


def test_the_distance_of_the_same_codes_is_nearly_0() -> None:
    assert float(consistency_loss(unit(0, dim=3), unit(0, dim=3))) == pytest.approx(1e-6 * math.sqrt(3))
