"""iBOT's patch loss against numbers worked out by hand, and which patches are hidden."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.small_vit import OVERRIDES
from maskdistill.stages.pretrain.config import PretrainConfig
from maskdistill.stages.pretrain.encoder import build_learner, last_input
from maskdistill.stages.pretrain.losses import moved_centre, patch_loss
from maskdistill.stages.pretrain.masking import hide_anywhere, hide_blocks, hide_patches
from maskdistill.stages.pretrain.methods.dino import DinoMethod, Hide
from maskdistill.stages.pretrain.methods.dino_config import DinoConfig

K, GRID = 5, (3, 3)


def make_method(hide: Hide = hide_patches, **settings: object) -> DinoMethod:
    torch.manual_seed(0)
    small = {"outputs": K, "hidden": 8, "bottleneck": 4}
    dino = {**small, "patch_weight": 1.0, "masked_views": 1.0, "mask_ratio": (0.3, 0.7), **settings}
    views = {"global_size": 24, "local_size": 16}
    config = PretrainConfig.model_validate({"method": "dino", "overrides": OVERRIDES, "views": views, "dino": dino})
    return DinoMethod(build_learner(config.model, config.overrides), config, hide)


def make_views() -> tuple[Tensor, Tensor]:
    return torch.randn(2, 3, 3, 24, 24), torch.randn(1, 3, 3, 16, 16)


def test_loss_of_a_uniform_teacher_is_ln_k() -> None:
    hidden = torch.tensor([[True, False, True], [False, True, False]])
    zeros, anything = torch.zeros(3, K), torch.randn(3, K)
    ln_k = pytest.approx(math.log(K))
    assert patch_loss(zeros, zeros, hidden, torch.zeros(K), 0.04, 0.1).item() == ln_k
    assert patch_loss(anything, zeros, hidden, torch.zeros(K), 0.04, 0.1).item() == ln_k
    assert patch_loss(zeros, anything, hidden, torch.zeros(K), 0.04, 0.1).item() > math.log(K)
    # A teacher whose outputs are all the centre is uniform.
    assert patch_loss(anything[:1].expand(3, K), zeros, hidden, anything[0], 0.04, 0.1).item() == ln_k


def test_loss_by_hand() -> None:
    # Teacher (3/4, 1/4), (1/2, 1/2), (1/2, 1/2); student (1/5, 4/5), (1/2, 1/2), (1/4, 3/4).
    teacher = torch.tensor([[math.log(3), 0.0], [0.0, 0.0], [0.0, 0.0]])
    student = torch.tensor([[0.0, math.log(4)], [0.0, 0.0], [0.0, math.log(3)]])
    costs = [
        -(3 / 4 * math.log(1 / 5) + 1 / 4 * math.log(4 / 5)),
        math.log(2),
        -(math.log(1 / 4) + math.log(3 / 4)) / 2,
    ]
    # Two patches of the first view, one of the second, none of the third.
    hidden = torch.tensor([[True, True], [False, True], [False, False]])
    loss = patch_loss(teacher, student, hidden, torch.zeros(2), 1.0, 1.0)
    assert loss.item() == pytest.approx(((costs[0] + costs[1]) / 2 + costs[2] + 0) / 3)
    # The temperatures divide: the same with everything halved.
    assert patch_loss(teacher / 2, student / 2, hidden, torch.zeros(2), 0.5, 0.5).item() == pytest.approx(loss.item())


def test_nothing_hidden_costs_nothing() -> None:
    student = torch.zeros(0, K, requires_grad=True)
    loss = patch_loss(torch.zeros(0, K), student, torch.zeros(4, 9, dtype=torch.bool), torch.zeros(K), 0.04, 0.1)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    centre = torch.tensor([1.0, 2.0])
    assert torch.equal(moved_centre(centre, torch.zeros(0, 2), 0.9), centre)


def test_a_method_without_hidden_patches_trains_on() -> None:
    method = make_method(masked_views=0.0)
    outcome = method.losses(*make_views(), share=0.5)
    torch.stack(list(outcome.losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    assert outcome.losses["patches"].item() == 0
    gradients = [parameter.grad for parameter in method.parameters() if parameter.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert torch.equal(method.patch_centre, torch.zeros(K))


def test_only_hidden_patches_count() -> None:
    """The heads see those patches and no others, and the loss is what it says of them."""
    hidden = torch.zeros(6, 9, dtype=torch.bool)
    hidden[0, 4] = hidden[3, 2] = hidden[3, 8] = True
    method, views = make_method(lambda *_: hidden, shared_head=False), make_views()
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    for name in ("student", "teacher"):
        head = getattr(method, name).patch_head
        head.register_forward_hook(lambda _, given, made, name=name: seen.update({name: (given[0], made)}))
    loss = method.losses(*views, share=1.0).losses["patches"]
    assert seen["student"][0].shape == seen["teacher"][0].shape == (3, 24)
    assert seen["student"][0].requires_grad
    assert not seen["teacher"][0].requires_grad
    targets = torch.softmax(seen["teacher"][1] / 0.07, dim=1)
    costs = -(targets * torch.log_softmax(seen["student"][1] / 0.1, dim=1)).sum(dim=1)
    assert loss.item() == pytest.approx((costs[0] + (costs[1] + costs[2]) / 2).item() / 6, rel=1e-4)
    torch.testing.assert_close(method.patch_centre, seen["teacher"][1].mean(dim=0) * 0.1)


def test_the_student_does_not_see_what_is_hidden_and_the_teacher_does() -> None:
    large, small = make_views()
    method = make_method(lambda *_: torch.ones(6, 9, dtype=torch.bool), shared_head=False)
    given: list[Tensor] = []
    for head in (method.student.patch_head, method.teacher.patch_head):
        head.register_forward_pre_hook(lambda _, arguments: given.append(arguments[0]))
    for views in (large, torch.randn_like(large)):
        torch.manual_seed(3)  # the same window of positions
        method.losses(views, small[:0], share=1.0)
    teacher, student, other_teacher, other_student = given
    torch.testing.assert_close(student, other_student)
    assert (teacher - other_teacher).abs().max() > 1e-3


def test_the_teacher_gets_no_gradient_and_the_mask_token_does() -> None:
    method = make_method()
    method.losses(*make_views(), share=0.5).losses["patches"].backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is None for parameter in method.teacher.parameters())
    assert method.student.mask_token.grad is not None
    assert method.student.mask_token.grad.abs().max() > 0


@pytest.mark.parametrize("shared", [True, False])
def test_heads_are_shared_or_not(shared: bool) -> None:
    method = make_method(shared_head=shared, frozen_until=0.5)
    assert (method.student.head is method.student.patch_head) == shared
    assert (method.teacher.head is method.teacher.patch_head) == shared
    torch.stack(list(method.losses(*make_views(), share=0.1).losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    method.before_update(0.1)
    assert method.student.head.last.grad is None
    assert method.student.patch_head.last.grad is None


def test_without_a_weight_nothing_is_hidden() -> None:
    def refuse(n_views: int, grid_hw: tuple[int, int], config: DinoConfig) -> Tensor:
        raise AssertionError("patches were hidden")

    assert list(make_method(refuse, patch_weight=0.0).losses(*make_views(), share=0.5).losses) == ["dino"]


def test_the_weight_multiplies() -> None:
    losses = []
    for weight in (1.0, 2.5):
        method, views = make_method(patch_weight=weight), make_views()
        losses.append(method.losses(*views, share=0.5).losses["patches"].item())
    assert losses[1] == pytest.approx(2.5 * losses[0])


def test_hidden_patches_keep_their_positions() -> None:
    method = make_method()
    vit: Any = method.student.vit
    vit.blocks = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Identity())
    hidden = torch.zeros(1, 9, dtype=torch.bool)
    hidden[0, 5] = True
    images, stand_in = torch.randn(1, 3, 24, 24), torch.randn(24)
    plain, masked = (last_input(vit, images, (1, 0), False, given)[0] for given in (None, (hidden, stand_in)))
    # Row 1, column 2 of the view is row 2, column 2 of the grid of 4 x 4.
    torch.testing.assert_close(masked[6], stand_in + vit.pos_embed[0, 1 + 2 * 4 + 2])
    others = [0, 1, 2, 3, 4, 5, 7, 8, 9]
    assert torch.equal(masked[others], plain[others])


@pytest.mark.parametrize("masking", ["blocks", "random"])
def test_as_many_patches_are_hidden_as_asked_for(masking: str) -> None:
    torch.manual_seed(0)
    config = DinoConfig(masking=masking, masked_views=0.5, mask_ratio=(0.25, 0.5))
    counts = hide_patches(400, (6, 4), config).sum(dim=1)
    assert 160 < (counts > 0).sum() < 240  # half of the views
    masked = counts[counts > 0]
    assert masked.min() == 6
    assert masked.max() == 12
    assert masked.float().mean().item() == pytest.approx(9, abs=0.5)


def test_extreme_ratios() -> None:
    everything = DinoConfig(masked_views=1.0, mask_ratio=(1.0, 1.0))
    assert hide_patches(3, GRID, everything).all()
    assert not hide_patches(3, GRID, DinoConfig(masked_views=1.0, mask_ratio=(0.0, 0.0))).any()
    assert not hide_patches(3, GRID, DinoConfig(masked_views=0.0)).any()


def test_blocks_are_rectangles() -> None:
    """Hidden patches have far more hidden neighbours than those that are hidden one by one."""

    def neighbours(hidden: Tensor) -> float:
        pairs = (hidden[1:] & hidden[:-1]).sum() + (hidden[:, 1:] & hidden[:, :-1]).sum()
        return 2 * float(pairs) / float(hidden.sum())

    torch.manual_seed(0)
    empty = torch.zeros(14, 14, dtype=torch.bool)
    drawn = [[draw(empty, 60) for _ in range(50)] for draw in (hide_blocks, hide_anywhere)]
    assert all(int(hidden.sum()) == 60 for several in drawn for hidden in several)
    blocks, anywhere = (sum(map(neighbours, several)) / 50 for several in drawn)
    # One by one: each of about 3.7 neighbours with probability 59 / 195.
    assert anywhere == pytest.approx(3.7 * 59 / 195, abs=0.1)
    assert blocks > 2.5
    assert not empty.any()


def test_what_is_hidden_already_stays_hidden() -> None:
    hidden = torch.tensor([[True, False], [False, False]])
    assert int(hide_anywhere(hidden, 2).sum()) == 3
    assert hide_anywhere(hidden, 2)[0, 0]
    assert hide_anywhere(hidden, 9).all()
