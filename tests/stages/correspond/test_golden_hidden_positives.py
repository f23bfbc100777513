"""The functions of Hidden Positives against the authors'."""

import json
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from helpers.paths import GOLDEN
from maskdistill.stages.correspond.head import CodeHead
from maskdistill.stages.correspond.neighbours import OFFSETS, mix_neighbours, neighbour_weights
from maskdistill.stages.correspond.positives import bars, find_anchors, hidden_positive_loss, positives
from maskdistill.stages.training.ema import move_towards

CASES: dict[str, Any] = json.loads((GOLDEN / "hp.json").read_text())
CONTRAST, MIXING = CASES["contrastive_loss"], CASES["lhp_mixing"]
N = 4
"""Patches of an image, of which there are two. Version 2 of the loss, which no released setting uses, is left out."""


def tensor(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def unit(name: str, *, learns: bool = False) -> Tensor:
    return F.normalize(tensor(CONTRAST[name]), dim=1).requires_grad_(learns)


def close(found: Tensor | None, expected: Any, tolerance: float = 1e-5) -> None:
    assert found is not None
    torch.testing.assert_close(found, tensor(expected), atol=tolerance, rtol=0)


@pytest.mark.parametrize(("features", "pool", "kind"), [("f_raw", "Q_ag_raw", "ag"), ("s_ema_raw", "Q_sp_raw", "sp")])
def test_positives(features: str, pool: str, kind: str) -> None:
    bar = bars(unit(features), unit(pool))
    close(bar, CONTRAST[f"c_{kind}"])
    found = [positives(unit(features), bar, slice(start, start + N)) for start in (0, N)]
    assert torch.cat(found).int().tolist() == CONTRAST[f"P_{kind}_mask"]


def test_patches_without_positives_by_features_are_left_out() -> None:
    used = []
    drawn = tensor(CONTRAST["random_denominator_mask"]).bool()
    for start in (0, N):
        rows = slice(start, start + N)
        masks = [tensor(CONTRAST[f"P_{kind}_mask"]).bool()[rows] for kind in ("ag", "sp")]
        used += find_anchors(masks[0], masks[1], 1.0, drawn, rows).patches.tolist()
    assert used == CONTRAST["anchors_used"]


@pytest.mark.parametrize("case", [case for case in CONTRAST["cases"] if case["loss_version"] == 1])
def test_loss(case: dict[str, Any]) -> None:
    codes, mixed = unit("z_raw", learns=True), unit("z_mix_raw", learns=True)
    loss = hidden_positive_loss(
        codes,
        mixed,
        unit("f_raw"),
        unit("s_ema_raw"),
        (unit("Q_ag_raw"), unit("Q_sp_raw")),
        case["lmbd"],
        case["tau"],
        tensor(CONTRAST["random_denominator_mask"]).bool(),
        reweigh=bool(case["reweighting"]),
    )
    close(loss, case["loss"], 1e-4)
    loss.backward()  # type: ignore[no-untyped-call]
    close(codes.grad, case["grad_z"], 1e-4)
    close(mixed.grad, case["grad_zmix"], 1e-4)


def head_of(prefix: str) -> CodeHead:
    weights = MIXING["head_weights"]
    head = CodeHead(4, 2)
    names = {
        "linear.1": "lin.0",
        "perceptron.1": "mlp.0",
        "perceptron.3": "mlp.2",
    }
    for name, parameter in head.named_parameters():
        layer, _, kind = name.rpartition(".")
        parameter.data = tensor(weights[f"{prefix}{names[layer]}.{kind}"]).reshape(parameter.shape)
    return head


def test_mixing_with_neighbours() -> None:
    side = MIXING["spatial_size"]
    logits = tensor(MIXING["attn_logits"])[0].mean(dim=0)[1:, 1:]
    weights = neighbour_weights(logits, (side, side))
    full = torch.zeros(side * side, side * side)
    for place in range(side * side):
        for number, (down, right) in enumerate(OFFSETS):
            y, x = place // side + down, place % side + right
            if 0 <= y < side and 0 <= x < side:
                full[place, y * side + x] = weights[number].flatten()[place]
            else:
                assert weights[number].flatten()[place] == 0
    close(full[None], MIXING["attn_final_masked"])
    codes = head_of("")(tensor(MIXING["image_feat"]))
    close(codes, MIXING["code"])
    close(mix_neighbours(codes, weights[None]), MIXING["code_mixed"])


def test_averaged_head() -> None:
    head, averaged = head_of(""), head_of("ema_")
    close(averaged(tensor(MIXING["image_feat"])), MIXING["code_ema"])
    move_towards(averaged, head, MIXING["ema_m"])
    found = {name: parameter.detach() for name, parameter in averaged.named_parameters()}
    close(found["linear.1.weight"][:, :, 0, 0], MIXING["ema_lin_weight_after"])
    close(found["linear.1.bias"], MIXING["ema_lin_bias_after"])
