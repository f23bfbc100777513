"""DINO against numbers worked out by hand, and its method's duties."""

import math

import pytest
import torch
from torch import Tensor, nn

from helpers.small_vit import OVERRIDES
from maskdistill.stages.pretrain.config import PretrainConfig
from maskdistill.stages.pretrain.encoder import build_learner
from maskdistill.stages.pretrain.losses import dino_loss, moved_centre
from maskdistill.stages.pretrain.methods.dino import DinoMethod

K = 5


def make_method(**settings: object) -> DinoMethod:
    torch.manual_seed(0)
    config = PretrainConfig.model_validate(
        {
            "method": "dino",
            "overrides": OVERRIDES,
            "views": {"global_size": 24, "local_size": 16},
            "dino": {"outputs": K, "hidden": 8, "bottleneck": 4, **settings},
            "ema_decay": (0.5, 1.0),
        }
    )
    return DinoMethod(build_learner(config.model, config.overrides), config)


def make_views(n_small: int = 2) -> tuple[Tensor, Tensor]:
    return torch.randn(2, 3, 3, 24, 24), torch.randn(n_small, 3, 3, 16, 16)


def test_loss_of_uniform_outputs_is_ln_k() -> None:
    uniform, anything = torch.zeros(2, 3, K), torch.randn(4, 3, K)
    assert dino_loss(uniform, torch.zeros(4, 3, K), torch.zeros(K), 0.04, 0.1).item() == pytest.approx(math.log(K))
    # With a uniform student, whatever the teacher; with a uniform teacher, ln K is the least.
    assert dino_loss(anything[:2], torch.zeros(4, 3, K), torch.zeros(K), 0.04, 0.1).item() == pytest.approx(math.log(K))
    assert dino_loss(uniform, anything, torch.zeros(K), 0.04, 0.1).item() > math.log(K)
    # A teacher whose outputs are all the centre is uniform.
    assert dino_loss(anything[:1, :1].expand(2, 3, K), torch.zeros(2, 3, K), anything[0, 0], 0.04, 0.1).item() == (
        pytest.approx(math.log(K))
    )


def test_loss_by_hand() -> None:
    # Teacher of view 0: (3/4, 1/4); of view 1: (1/2, 1/2). Student of view 0: (1/2, 1/2), of view 1: (1/5, 4/5).
    teacher = torch.tensor([[[math.log(3), 0.0]], [[0.0, 0.0]]])
    student = torch.tensor([[[0.0, 0.0]], [[0.0, math.log(4)]]])
    first = -(3 / 4 * math.log(1 / 5) + 1 / 4 * math.log(4 / 5))
    second = math.log(2)
    loss = dino_loss(teacher, student, torch.zeros(2), 1.0, 1.0)
    assert loss.item() == pytest.approx((first + second) / 2)
    # The temperatures divide: the same with everything halved.
    assert dino_loss(teacher / 2, student / 2, torch.zeros(2), 0.5, 0.5).item() == pytest.approx(loss.item())


def test_views_are_not_compared_with_themselves() -> None:
    sharp = torch.eye(2)[:, None] * 100  # view 0 says output 0, view 1 says output 1
    same, swapped = (dino_loss(sharp, student, torch.zeros(2), 1.0, 1.0).item() for student in (sharp, sharp.flip(0)))
    assert same == pytest.approx(100)
    assert swapped == pytest.approx(0, abs=1e-6)


def test_identical_views_cost_the_teachers_entropy() -> None:
    view = torch.randn(1, 4, K).expand(3, 4, K)
    shares = torch.softmax(view[0] / 0.1, dim=-1)
    entropy = torch.special.entr(shares).sum(dim=-1).mean()
    assert dino_loss(view[:2], view, torch.zeros(K), 0.1, 0.1).item() == pytest.approx(entropy.item(), rel=1e-4)


def test_centre_moves_to_its_fixed_point() -> None:
    outputs = torch.tensor([[[1.0, 2.0], [3.0, 6.0]]])
    mean = torch.tensor([2.0, 4.0])
    torch.testing.assert_close(moved_centre(torch.zeros(2), outputs, 0.9), mean * 0.1)
    torch.testing.assert_close(moved_centre(mean, outputs, 0.9), mean)
    centre = torch.zeros(2)
    for _ in range(200):
        centre = moved_centre(centre, outputs, 0.9)
    torch.testing.assert_close(centre, mean)


def test_only_the_student_gets_gradients() -> None:
    method = make_method()
    outcome = method.losses(*make_views(), share=0.5)
    torch.stack(list(outcome.losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is None for parameter in method.teacher.parameters())
    assert method.student.head.last.grad is not None
    assert not method.centre.requires_grad
    assert method.centre.abs().max() > 0
    assert outcome.embeddings.shape == (6, 24)
    assert outcome.shares is not None
    assert outcome.shares.shape == (K,)
    assert outcome.shares.sum().item() == pytest.approx(1)
    assert outcome.doubt is not None
    assert 0 < outcome.doubt.item() < 1


class Scores(nn.Module):
    """A head that gives the same scores whatever it sees."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = scores

    def forward(self, tokens: Tensor) -> Tensor:
        return self.scores


def test_doubt_is_the_entropy_of_each_view_and_shares_are_their_mean() -> None:
    """Views that are each sure of another output: no doubt, and shares as even as can be; and the other way round."""
    method = make_method(teacher_temperature=(0.01, 0.01))
    for scores, doubt in ((torch.eye(6, K).index_fill(0, torch.tensor(5), 0.2), 1 / 6), (torch.full((6, K), 0.3), 1.0)):
        method.centre.zero_()
        method.teacher.head = Scores(scores)
        outcome = method.losses(*make_views(), share=0.5)
        torch.testing.assert_close(outcome.shares, torch.full((K,), 1 / K))
        torch.testing.assert_close(outcome.doubt, torch.tensor(doubt))


def test_small_views_are_optional() -> None:
    assert torch.isfinite(make_method().losses(*make_views(0), share=0.0).losses["dino"])


def test_last_layer_is_frozen_at_the_start() -> None:
    method = make_method(frozen_until=0.2)
    for share, is_frozen in ((0.0, True), (0.19, True), (0.2, False)):
        method.student.head.last.grad = torch.ones(K, 4)
        method.before_update(share)
        assert (method.student.head.last.grad is None) == is_frozen


def test_teacher_follows_the_student() -> None:
    method = make_method()
    with torch.no_grad():
        for parameter in method.student.parameters():
            parameter.add_(1.0)
    before = method.teacher.vit.cls_token.clone()
    method.after_update(0, share=0.0, next_share=0.1)
    torch.testing.assert_close(method.result().cls_token, before + 0.5)
    method.after_update(1, share=1.0, next_share=1.0)  # a decay of 1 at the end
    torch.testing.assert_close(method.result().cls_token, before + 0.5)
    method.after_update(1, share=0.5, next_share=0.6)
    torch.testing.assert_close(method.result().cls_token, before + 0.5 + 0.25 * 0.5)


def test_teacher_temperature_warms_up() -> None:
    """At each share, the loss is that of a teacher whose temperature always was what it is there."""

    def loss(start: float, end: float, share: float) -> float:
        method = make_method(teacher_temperature=(start, end), teacher_warmup=(0.0, 0.5))
        return method.losses(*make_views(), share=share).losses["dino"].item()

    expected = {0.0: 0.04, 0.25: 0.06, 0.5: 0.08, 1.0: 0.08}
    losses = {share: loss(0.04, 0.08, share) for share in expected}
    assert losses == {share: loss(constant, constant, share) for share, constant in expected.items()}
    assert len(set(losses.values())) == 3
