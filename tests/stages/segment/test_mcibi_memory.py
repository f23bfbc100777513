"""The memory of the `mcibi` head against the authors' functions, and what has to be true of it (MCIBI, section 3.2)."""

import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from helpers.paths import GOLDEN
from maskdistill.stages.segment.heads.class_memory import recall, updated
from maskdistill.stages.segment.heads.context import Fusion
from maskdistill.stages.segment.heads.mcibi import confident, consistency_loss
from maskdistill.stages.segment.heads.mcibi_config import Weighting
from maskdistill.stages.training.schedules import polynomial

CASES: dict[str, Any] = json.loads((GOLDEN / "mcibi.json").read_text())
CONTEXT = CASES["context_aggregation"]
NAMES = {
    "key_project": "attention.0.key",
    "query_project": "attention.0.query",
    "value_project": "attention.0.value",
    "out_project": "attention.0.out",
    "bottleneck": "fuse",
}
"""Names of the authors' layers, and ours."""


def close(ours: Tensor, theirs: Any) -> None:
    torch.testing.assert_close(ours, torch.tensor(theirs), atol=1e-5, rtol=1e-5)


def learn(memory: Tensor, vectors: Any, labels: Any, momentum: float = 0.9, weighting: Weighting = "cosine") -> Tensor:
    """A memory (K, S, C) after one image of some pixels (N, C)."""
    features = torch.as_tensor(vectors, dtype=torch.float32).T[None, :, None]
    return updated(memory, features, torch.as_tensor(labels)[None, None], momentum, weighting)


@pytest.mark.parametrize("weighting", ["cosine", "mean"])
def test_golden_update(weighting: Weighting) -> None:
    case = CASES["memory_update"]
    memory = torch.zeros(3, 1, 4)
    expected = case["expected_mean" if weighting == "mean" else "expected_cosine_similarity"]
    for step, after in zip(case["steps_in"], expected, strict=True):
        features, labels = torch.tensor(step["features"]), torch.tensor(step["labels"])
        memory = updated(memory, features, labels, after["momentum"], weighting)
        close(memory[:, 0], after["memory"])


@pytest.mark.parametrize("hard", [False, True])
def test_golden_context(hard: bool) -> None:
    fusion = Fusion(4, 2, 2, 1, image_context=False).eval()
    state = fusion.state_dict()
    for name, value in CONTEXT["parameters"].items():
        part, _, rest = name.removeprefix("self_attention.").partition(".")
        state[f"{NAMES[part]}.{rest}"] = torch.tensor(value)
    fusion.load_state_dict(state)
    scores, features = torch.tensor(CONTEXT["preds_stage1_logits"]), torch.tensor(CONTEXT["feats"])
    recalled = recall(scores, torch.tensor(CONTEXT["memory"])[:, None], hard=hard)
    with torch.inference_mode():
        if not hard:
            close(recalled[0], CONTEXT["coarse_context_C_bi_prime"])
            close(fusion.refine(features, recalled), CONTEXT["refined_context_C_bi"])
        close(fusion(features, recalled), CONTEXT["output_hard_aggregate" if hard else "output"])


def test_golden_consistency() -> None:
    case = CASES["representation_consistency_loss"]
    classify = nn.Conv2d(4, 3, kernel_size=1)
    classify.load_state_dict({
        "weight": torch.tensor(case["weight"])[:, :, None, None], "bias": torch.tensor(case["bias"])})  # fmt: skip
    memory = torch.tensor(case["memory"], requires_grad=True)
    loss = consistency_loss(classify, memory[:, None])
    assert loss.item() == pytest.approx(case["loss"], abs=1e-5)
    torch.autograd.backward(loss)
    assert memory.grad is None and classify.weight.grad is not None and classify.weight.grad.any()


def test_golden_schedules() -> None:
    case = CASES["schedules"]
    for point in case["points"]:
        share = point["t"] / case["T"]
        assert polynomial(share, case["lr0"], 0.01 * case["lr0"]) == pytest.approx(point["lr"], abs=1e-9)
        for base_lr, name in ((0.01, "m_base_lr_0p01"), (0.009, "m_base_lr_0p009")):
            start = 0.9 * case["lr0"] / base_lr
            assert polynomial(share, start, 0.01 * start) == pytest.approx(point[name], abs=1e-9)


@pytest.mark.parametrize(("weighting", "expected"), [("cosine", [0.1, 0.9]), ("mean", [0.55, 0.45])])
def test_pixels_far_from_the_memory_weigh_more(weighting: Weighting, expected: list[float]) -> None:
    pixels, labels = [[1.0, 0.0], [0.0, 1.0]], [0, 0]
    close(learn(torch.tensor([[[1.0, 0.0]]]), pixels, labels, weighting=weighting), [[expected]])
    close(learn(torch.zeros(1, 1, 2), pixels, labels, weighting=weighting), [[[0.5, 0.5]]])


@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize("weighting", ["cosine", "mean"])
def test_order_length_and_ignored_pixels_change_nothing_else(weighting: Weighting, slots: int) -> None:
    torch.manual_seed(0)
    memory, vectors, labels = torch.randn(3, slots, 5), torch.randn(20, 5), torch.randint(0, 2, (20,))
    after = learn(memory, vectors, labels, 1.0, weighting)
    order = torch.randperm(20)
    torch.testing.assert_close(learn(memory, vectors[order], labels[order], 1.0, weighting), after)
    torch.testing.assert_close(learn(memory, 3 * vectors, labels, 1.0, weighting)[:2], 3 * after[:2])
    more = torch.cat([vectors, 100 * torch.randn(7, 5)])
    assert torch.equal(after[2], memory[2])
    torch.testing.assert_close(learn(memory, more, torch.cat([labels, torch.full((7,), 255)]), 1.0, weighting), after)


def test_a_row_stays_between_its_old_value_and_its_pixels() -> None:
    torch.manual_seed(0)
    memory, vectors = torch.randn(1, 1, 3), torch.randn(9, 3)
    after = learn(memory, vectors, torch.zeros(9, dtype=torch.int64), 0.7)[0, 0]
    points = torch.cat([memory[0], vectors])
    assert bool((after >= points.amin(dim=0)).all() and (after <= points.amax(dim=0)).all())
    directions = torch.randn(200, 3)
    assert bool((directions @ after <= (directions @ points.T).amax(dim=1) + 1e-5).all())


def test_weights_that_sum_to_zero_leave_the_memory_as_it_is() -> None:
    memory = torch.tensor([[[2.0, 0.0]], [[0.0, 1.0]]])
    assert torch.equal(learn(memory, [[5.0, 0.0]], [0]), memory)
    assert torch.equal(learn(memory, [[5.0, 0.0]], [255]), memory)
    assert torch.equal(learn(torch.zeros(2, 1, 2), [[0.0, 0.0]], [0]), torch.zeros(2, 1, 2))


def test_slots_fill_one_after_the_other_and_then_share_the_pixels() -> None:
    memory = learn(torch.zeros(1, 2, 2), [[1.0, 0.0]], [0])
    close(memory, [[[1.0, 0.0], [0.0, 0.0]]])
    memory = learn(memory, [[0.0, 2.0]], [0])
    close(memory, [[[1.0, 0.0], [0.0, 2.0]]])
    # Both pixels are nearer to the second: the first stays as it is.
    after = learn(memory, [[1.0, 2.0], [-1.0, 2.0]], [0, 0], momentum=0.5)
    close(after, [[[1.0, 0.0], [0.0, 2.0]]])
    after = learn(memory, [[2.0, 1.0], [-1.0, 2.0]], [0, 0], momentum=0.5)
    close(after, [[[1.5, 0.5], [-0.5, 2.0]]])


def test_features_of_zeros_fill_no_memory_and_pull_a_full_one_towards_them() -> None:
    """Their cosine with anything is 0, so that they weigh 1 each."""
    zeros = torch.zeros(3, 2)
    assert torch.equal(learn(torch.zeros(2, 1, 2), zeros, [0, 0, 1]), torch.zeros(2, 1, 2))
    close(learn(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]), zeros, [0, 0, 0]), [[[0.1, 0.0]], [[0.0, 1.0]]])


def test_features_are_interpolated_to_the_labels() -> None:
    """Two px of features, four labels: their values are .0, .25, .75 and 1."""
    features = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    close(updated(torch.zeros(2, 1, 1), features, torch.tensor([[[0, 0, 1, 255]]]), 0.9, "mean"), [[[0.125]], [[0.75]]])


def test_recall_is_the_row_of_a_sure_pixel_and_the_mean_of_an_unsure_one() -> None:
    memory = torch.randn(3, 1, 4)
    sure = torch.tensor([0.0, 100.0, 0.0]).view(1, 3, 1, 1)
    torch.testing.assert_close(recall(sure, memory)[0, 0, :, 0, 0], memory[1, 0])
    torch.testing.assert_close(recall(torch.zeros(1, 3, 1, 1), memory)[0, 0, :, 0, 0], memory[:, 0].mean(dim=0))
    torch.testing.assert_close(recall(sure / 100, memory, hard=True)[0, 0, :, 0, 0], memory[1, 0])


def test_a_constant_context_is_constant_after_attention() -> None:
    torch.manual_seed(0)
    fusion = Fusion(4, 2, 4, 2, image_context=False).eval()
    context = torch.randn(2, 1, 4, 1, 1).expand(2, 1, 4, 3, 5)
    with torch.inference_mode():
        refined = fusion.refine(torch.randn(1, 4, 3, 5), context)
    torch.testing.assert_close(refined, refined[:, :, :1, :1].expand_as(refined))


def test_classes_that_look_alike_cannot_be_told_apart() -> None:
    memory = torch.ones(4, 1, 3)
    for seed in range(3):
        torch.manual_seed(seed)
        loss = consistency_loss(nn.Conv2d(3, 4, kernel_size=1), memory)
        assert loss.item() >= math.log(4) - 1e-6


def test_classes_without_a_memory_are_not_asked_for() -> None:
    torch.manual_seed(0)
    classify = nn.Conv2d(3, 4, kernel_size=1)
    memory = torch.randn(4, 1, 3)
    memory[2] = 0
    logits = classify(memory[:, 0, :, None, None])[:, :, 0, 0]
    expected = nn.functional.cross_entropy(logits[[0, 1, 3]], torch.tensor([0, 1, 3]))
    torch.testing.assert_close(consistency_loss(classify, memory), expected)
    assert consistency_loss(classify, torch.zeros(4, 1, 3)).item() == 0


def test_only_confident_pixels_keep_their_label() -> None:
    scores = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 3.0]]).T.view(3, 2)[None, :, None]  # classes x pixels
    labels = torch.tensor([[[0, 2]]])
    first = math.exp(2) / (math.exp(2) + 2)
    assert confident(scores, labels, first - 0.01).tolist() == [[[0, 2]]]
    assert confident(scores, labels, first + 0.01).tolist() == [[[255, 2]]]
    assert confident(scores, torch.tensor([[[255, 1]]]), 0.5).tolist() == [[[255, 255]]]
