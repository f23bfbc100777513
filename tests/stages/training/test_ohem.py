"""Hard-pixel mining against the authors' function and at its edges."""

import json
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from helpers.paths import GOLDEN
from maskdistill.stages.training.ohem import ohem_cross_entropy

CASES = json.loads((GOLDEN / "ohem.json").read_text())


@pytest.mark.parametrize("case", CASES["cases"])
def test_golden(case: dict[str, Any]) -> None:
    loss = ohem_cross_entropy(torch.tensor(case["logits"]), torch.tensor(case["target"]), case["keep_fraction"])
    assert loss.item() == pytest.approx(case["loss"], abs=CASES["tolerance"])


@pytest.mark.parametrize("case", CASES["cases"])
def test_flat_pixels_give_the_same(case: dict[str, Any]) -> None:
    logits, target = torch.tensor(case["logits"]).movedim(1, -1).flatten(0, -2), torch.tensor(case["target"]).flatten()
    loss = ohem_cross_entropy(logits, target, case["keep_fraction"])
    assert loss.item() == pytest.approx(case["loss"], abs=CASES["tolerance"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_all_ignored_gives_zero_with_a_gradient(dtype: torch.dtype) -> None:
    logits = torch.randn(2, 3, 4, 5, dtype=dtype, requires_grad=True)
    loss = ohem_cross_entropy(logits, torch.full((2, 4, 5), 255), 0.2)
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_gradient_reaches_the_hardest_pixels_only() -> None:
    logits = torch.tensor([[5.0, 0.0], [0.0, 5.0], [1.0, 0.0], [0.0, 0.0]], requires_grad=True)
    torch.autograd.backward(ohem_cross_entropy(logits, torch.tensor([0, 0, 0, 255]), keep_fraction=0.5))
    assert logits.grad is not None
    assert logits.grad.any(dim=1).tolist() == [False, True, True, False]


def test_a_share_of_the_valid_pixels_leaves_the_ignored_ones_out_of_the_count() -> None:
    # Two of six pixels are valid: half of all would be both of them, half of the valid ones is the harder one.
    logits = torch.tensor([[5.0, 0.0], [1.0, 0.0], *[[0.0, 0.0]] * 4])
    target = torch.tensor([0, 0, 255, 255, 255, 255])
    easy, hard = F.cross_entropy(logits[:2], target[:2], reduction="none").tolist()
    of_all = ohem_cross_entropy(logits, target, 0.5)
    of_valid = ohem_cross_entropy(logits, target, 0.5, keep_of="valid")
    assert of_all.item() == pytest.approx((easy + hard) / 2)
    assert of_valid.item() == pytest.approx(hard)


def test_at_least_one_pixel_counts() -> None:
    logits, target = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    hardest = F.cross_entropy(logits, target, reduction="none").max()
    assert ohem_cross_entropy(logits, target, 0.01).item() == pytest.approx(hardest.item())


def test_bfloat16_is_computed_in_float32() -> None:
    logits, target = torch.randn(1, 4, 6, 6).bfloat16(), torch.randint(0, 4, (1, 6, 6), dtype=torch.uint8)
    loss = ohem_cross_entropy(logits, target, 1.0)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, F.cross_entropy(logits.float(), target.long()))


def test_other_ignore_index() -> None:
    logits, target = torch.randn(4, 3), torch.tensor([0, -1, 2, -1])
    expected = F.cross_entropy(logits[[0, 2]], target[[0, 2]])
    torch.testing.assert_close(ohem_cross_entropy(logits, target, 1.0, ignore_index=-1), expected)
