"""The parts of SlotCon against the authors' functions, and what has to be true of them."""

import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from helpers.paths import GOLDEN
from maskdistill.stages.imitate.methods.slots import (
    Grouping,
    aligned,
    group,
    grouping_loss,
    moved_centre,
    occupied,
    slot_loss,
)

CASES: dict[str, Any] = json.loads((GOLDEN / "slotcon.json").read_text())
PLAIN = torch.tensor([False])


def close(ours: Tensor, theirs: Any) -> None:
    torch.testing.assert_close(ours, torch.tensor(theirs), atol=1e-5, rtol=1e-5)


def grouping(scores: Any, slots: Any) -> Grouping:
    return Grouping(torch.tensor(scores), torch.tensor(slots))


def as_it_is(rows: Tensor) -> Tensor:
    return rows


def test_golden_grouping() -> None:
    case = CASES["semantic_grouping"]
    scores, slots = group(torch.tensor(case["x"]), torch.tensor(case["prototypes"]), 0.07)
    close(scores, case["scores_cosine"])
    close((scores / 0.07).softmax(dim=1) + 1e-6, case["attention"])
    close(slots, case["slots"])


def test_golden_loss_of_px() -> None:
    case = CASES["grouping_loss"]
    student = torch.tensor(case["student_scores"], requires_grad=True)
    loss = grouping_loss(student, torch.tensor(case["teacher_scores"]), torch.tensor(case["center"]), 0.1, 0.07)
    assert loss.item() == pytest.approx(case["loss"], abs=1e-5)
    torch.autograd.backward(loss)
    assert student.grad is not None
    close(student.grad, case["grad_student"])


def test_golden_centre() -> None:
    case = CASES["center_update"]
    scores, centre = torch.tensor(case["teacher_scores"]), torch.tensor(case["center_before"])
    close(moved_centre(centre, scores, 0.9), case["center_after"])
    for _ in range(200):
        centre = moved_centre(centre, scores, 0.9)
    close(centre, [scores.mean(dim=0).tolist()])


@pytest.mark.parametrize("predictor", ["identity", "linear"])
def test_golden_loss_of_slots(predictor: str) -> None:
    case = CASES["slot_contrastive_loss"]
    student = grouping(case["scores_query"], case["slots_query"])
    teacher = grouping(case["scores_key"], case["slots_key"])
    close(occupied(student.scores).long(), case["mask_query"])
    close(occupied(teacher.scores).long(), case["mask_key"])
    student.slots.requires_grad_()
    teacher.slots.requires_grad_()
    weight = torch.tensor(case["predictor_weight_no_bias"])
    predict = as_it_is if predictor == "identity" else lambda rows: rows @ weight.T
    loss = slot_loss(student, teacher, predict, 0.2)
    assert loss.item() == pytest.approx(case[f"loss_{predictor}_predictor"], abs=1e-5)
    torch.autograd.backward(loss)
    assert student.slots.grad is not None and teacher.slots.grad is None
    if predictor == "identity":
        close(student.slots.grad, case["grad_slots_query_identity"])


def test_golden_alignment() -> None:
    case = CASES["inverse_augmentation"]
    boxes, flipped = torch.tensor(case["coords_x1y1x2y2"]), torch.tensor(case["flags"])
    close(aligned(torch.tensor(case["scores"]), boxes, flipped), case["out"])


def test_a_whole_view_is_aligned_as_it_is_and_a_flipped_one_turned_back() -> None:
    scores, whole = torch.randn(1, 3, 4, 5), torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    torch.testing.assert_close(aligned(scores, whole, PLAIN), scores)
    torch.testing.assert_close(aligned(scores.flip(-1), whole, ~PLAIN), scores)


@pytest.mark.parametrize(
    "box",
    [(0.0, 0.0, 1.0, 1.0), (0.5, 0.0, 1.0, 1.0), (0.0, 0.7, 0.1, 1.0), (1.0, 1.0, 1.0, 1.0), (0.3, 0.2, 0.3, 0.9)],
)
@pytest.mark.parametrize("flipped", [False, True])
def test_a_box_is_read_where_it_lies_up_to_the_border(box: tuple[float, ...], flipped: bool) -> None:
    """Against the equation: the middle of each of h x w bins, bilinear, and at the border what is nearest."""
    x1, y1, x2, y2 = box
    x = ((x1 + (torch.arange(5) + 0.5) / 5 * (x2 - x1)) * 5 - 0.5).clamp(0, 4)
    y = ((y1 + (torch.arange(3) + 0.5) / 3 * (y2 - y1)) * 3 - 0.5).clamp(0, 2)
    # Of a linear function of the place, what bilinear reading gives is its value there.
    planes = torch.stack([x.expand(3, 5), y[:, None].expand(3, 5)])[None]
    own = torch.stack([torch.arange(5.0).expand(3, 5), torch.arange(3.0)[:, None].expand(3, 5)])[None]
    expected = planes.flip(-1) if flipped else planes
    torch.testing.assert_close(aligned(own, torch.tensor([box]), torch.tensor([flipped])), expected)


def test_px_of_zeros_belong_to_all_slots_alike() -> None:
    features = torch.zeros(1, 4, 2, 3, requires_grad=True)
    scores, slots = group(features, torch.randn(3, 4), 0.07)
    torch.autograd.backward(scores.sum() + slots.sum())
    assert not scores.detach().any() and not slots.detach().any()
    assert features.grad is not None and torch.isfinite(features.grad).all()


def test_one_slot_is_the_mean_and_none_leaves_the_features() -> None:
    features = torch.randn(2, 4, 3, 3)
    torch.testing.assert_close(group(features, torch.randn(1, 4), 0.07).slots[:, 0], features.mean(dim=(2, 3)))
    slots = group(features, torch.randn(5, 4), 0.07).slots
    rows = features.flatten(2)
    assert bool((slots >= rows.amin(dim=2)[:, None] - 1e-5).all() and (slots <= rows.amax(dim=2)[:, None] + 1e-5).all())


def test_longer_features_change_slots_and_no_scores() -> None:
    features, prototypes = torch.randn(1, 4, 2, 2), torch.randn(3, 4)
    longer = features.clone()
    longer[:, :, 0, 0] *= 3
    before, after = group(features, prototypes, 0.07), group(longer, prototypes, 0.07)
    torch.testing.assert_close(after.scores, before.scores)
    assert not torch.allclose(after.slots, before.slots)


def test_both_losses_train_the_prototypes() -> None:
    torch.manual_seed(0)
    features, keys = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
    for number in range(2):
        prototypes = nn.Parameter(torch.randn(3, 4))
        student, teacher = group(features, prototypes, 0.07), group(keys, prototypes.detach(), 0.07)
        losses = [
            grouping_loss(student.scores, teacher.scores, torch.zeros(1, 3), 0.1, 0.07),
            slot_loss(student, Grouping(student.scores.detach(), teacher.slots), as_it_is, 0.2),
        ]
        torch.autograd.backward(losses[number])
        assert prototypes.grad is not None and prototypes.grad.any()


def test_the_loss_of_px_has_its_bounds_and_knows_no_constants() -> None:
    torch.manual_seed(0)
    student, teacher, centre = torch.randn(6, 5), torch.randn(6, 5), torch.randn(1, 5)
    even = grouping_loss(torch.ones(6, 5), teacher, centre, 0.1, 0.07)
    assert even.item() == pytest.approx(math.log(5), abs=1e-5)
    loss = grouping_loss(student, teacher, centre, 0.1, 0.07)
    wanted = ((teacher - centre) / 0.07).softmax(dim=1)
    assert loss >= -(wanted * wanted.clamp(min=1e-30).log()).sum(dim=1).mean()
    torch.testing.assert_close(grouping_loss(student, teacher + torch.randn(6, 1), centre, 0.1, 0.07), loss)
    torch.testing.assert_close(grouping_loss(student, teacher, centre + 2, 0.1, 0.07), loss)


def test_slots_that_cannot_be_told_apart_cost_the_logarithm_of_their_number() -> None:
    """Three images whose px all belong to slot 0: three keys."""
    scores = torch.tensor([1.0, 0.0])[None, :, None, None].expand(3, 2, 2, 2)
    alike = Grouping(scores, torch.ones(3, 2, 4))
    assert slot_loss(alike, alike, as_it_is, 0.2).item() == pytest.approx(0.4 * math.log(3), abs=1e-5)
    single = Grouping(scores[:1], torch.ones(1, 2, 4))
    assert slot_loss(single, single, as_it_is, 0.2).item() == pytest.approx(0, abs=1e-6)


def test_where_no_slot_is_shared_the_loss_is_zero_with_a_gradient() -> None:
    scores = torch.tensor([1.0, 0.0])[None, :, None, None]
    slots = torch.randn(1, 2, 4, requires_grad=True)
    loss = slot_loss(Grouping(scores, slots), Grouping(scores.flip(1), slots), as_it_is, 0.2)
    torch.autograd.backward(loss)
    assert loss.item() == 0 and slots.grad is not None and not slots.grad.any()
