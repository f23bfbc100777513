"""The pieces of pre-training against numbers worked out by hand."""

import math

import pytest
import torch

from maskdistill.data.errors import MaskDistillError
from maskdistill.stages.pretrain.collapse import CollapseMonitor, assignment_entropy, effective_rank
from maskdistill.stages.pretrain.losses import assignment_loss, info_nce, swapped_assignment_loss
from maskdistill.stages.pretrain.sinkhorn import balanced_assignments


def test_assignments_are_balanced() -> None:
    scores = torch.randn(60, 5, generator=torch.Generator().manual_seed(0)) * 0.2
    scores[:, 0] += 0.3  # without the balance, nearly all would go to the first
    assert torch.bincount(scores.argmax(dim=1), minlength=5)[0] > 40
    shares = balanced_assignments(scores, 0.05, iterations=50)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(60))
    torch.testing.assert_close(shares.sum(dim=0), torch.full((5,), 12.0), rtol=1e-3, atol=0)
    rows_after_few = balanced_assignments(scores, 0.05).sum(dim=1)
    torch.testing.assert_close(rows_after_few, torch.ones(60))


def test_equal_scores_are_assigned_evenly() -> None:
    torch.testing.assert_close(balanced_assignments(torch.full((6, 4), 0.7), 0.05), torch.full((6, 4), 0.25))


def test_assignments_by_hand() -> None:
    # exp of the logits is [[1, 1], [1, 3]]; columns: /2, /4 -> [[.5, .25], [.5, .75]]; rows: /.75, /1.25.
    scores = torch.tensor([[0.0, 0.0], [0.0, math.log(3)]])
    expected = torch.tensor([[2 / 3, 1 / 3], [2 / 5, 3 / 5]])
    torch.testing.assert_close(balanced_assignments(scores, 1.0, iterations=1), expected)


def test_assignments_survive_low_temperatures_and_carry_no_gradient() -> None:
    scores = torch.tensor([[1.0, -1.0], [0.9, -1.0]], requires_grad=True)
    shares = balanced_assignments(scores, 0.001)
    assert torch.isfinite(shares).all()
    assert not shares.requires_grad


def test_info_nce_by_hand() -> None:
    keys = torch.eye(2)
    aligned = info_nce(keys[None], keys, temperature=0.5)
    assert aligned.item() == pytest.approx(math.log(1 + math.exp(-2)))
    swapped = info_nce(keys.flip(0)[None], keys, temperature=0.5)
    assert swapped.item() == pytest.approx(math.log(1 + math.exp(2)))
    both = info_nce(torch.stack([keys, keys.flip(0)]), keys, temperature=0.5)
    assert both.item() == pytest.approx((aligned.item() + swapped.item()) / 2)


def test_info_nce_of_identical_embeddings_is_ln_b() -> None:
    same = torch.ones(8, 3) / math.sqrt(3)
    assert info_nce(same[None], same, 0.2).item() == pytest.approx(math.log(8))


def test_assignment_loss_by_hand() -> None:
    targets = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    assert assignment_loss(targets, torch.zeros(2, 3), 0.1).item() == pytest.approx(1)
    scores = torch.tensor([[math.log(2), 0.0, 0.0], [math.log(2), 0.0, 0.0]])  # softmax: 1/2, 1/4, 1/4
    assert assignment_loss(targets, scores, 1.0).item() == pytest.approx((math.log(2) + math.log(4)) / 2 / math.log(3))


def test_views_predict_each_other_and_never_themselves() -> None:
    first, second = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    targets = torch.stack([first, second])
    none = torch.empty(0, 1, 2)
    own = swapped_assignment_loss(targets, targets, none, 0.01)
    other = swapped_assignment_loss(targets, targets.flip(0), none, 0.01)
    assert other.item() == pytest.approx(0, abs=1e-6)
    assert own.item() == pytest.approx(100 / math.log(2))


def test_identical_views_with_small_ones() -> None:
    # A small view that agrees with both large ones costs nothing; one that agrees with neither, all.
    targets = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
    small = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    loss = swapped_assignment_loss(targets, targets, small, 0.01)
    assert loss.item() == pytest.approx(100 / math.log(2) * 2 / 6)  # 2 of the 6 pairs of views


def test_effective_rank() -> None:
    assert effective_rank(torch.ones(6, 4) / 2) == 0
    line = torch.linspace(-1, 1, 9)[:, None] * torch.tensor([[0.6, 0.8, 0.0]])
    assert effective_rank(line) == pytest.approx(1, abs=1e-3)
    axes = torch.cat([torch.eye(3), -torch.eye(3)])
    assert effective_rank(axes) == pytest.approx(3, abs=1e-3)
    # Energies 1 and 3 to 1: e to the entropy of (3/4, 1/4).
    uneven = torch.tensor([[math.sqrt(3), 0.0], [-math.sqrt(3), 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert effective_rank(uneven) == pytest.approx(math.exp(0.75 * math.log(4 / 3) + 0.25 * math.log(4)), abs=1e-3)


def test_assignment_entropy() -> None:
    shares = torch.tensor([[0.25, 0.25, 0.25, 0.25], [1, 0, 0, 0], [0.5, 0.5, 0, 0]])
    torch.testing.assert_close(assignment_entropy(shares), torch.tensor([1, 0, 0.5]))


def test_monitor_stops_a_collapsed_training_only() -> None:
    monitor = CollapseMonitor(patience=3)
    for step, rank in enumerate([1.0, 1.0, 9.0, 1.0, 1.0]):  # recovered in between
        monitor.check(step, 0.0, rank)
    with pytest.raises(MaskDistillError, match=r"collapsed.* 1\.0 dimensions; lower pretrain\.lr"):
        monitor.check(5, 0.0, 1.0)


def test_monitor_looks_at_assignments_too() -> None:
    monitor = CollapseMonitor(patience=1)
    monitor.check(0, 0.0, rank=9.0, entropy=0.5, information=0.4)
    with pytest.raises(MaskDistillError, match="assignments have 1% of the largest entropy"):
        monitor.check(1, 0.0, rank=9.0, entropy=0.01, information=0.01)


def test_monitor_stops_a_training_that_stays_uniform() -> None:
    monitor = CollapseMonitor(patience=1)
    for share, information in ((0.2, 0.0), (0.3, 0.01)):  # early, or a little that is learned
        monitor.check(1, share, rank=9.0, entropy=1.0, information=information)
    with pytest.raises(MaskDistillError, match=r"tell 0\.0% of what they could"):
        monitor.check(2, 0.3, rank=9.0, entropy=1.0, information=0.0002)
