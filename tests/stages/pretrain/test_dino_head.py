"""How fast AdamW turns the rows of DINO's last layer."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from maskdistill.stages.pretrain.methods.dino_config import DinoConfig
from maskdistill.stages.pretrain.methods.dino_head import DinoHead

OUTPUTS, BOTTLENECK = 64, 32


def unit_rows(module: nn.Module) -> Tensor:
    """The rows of DINO's last layer as torch's own weight norm keeps them, of unit length."""
    layer: Any = weight_norm(nn.Linear(BOTTLENECK, OUTPUTS, bias=False))
    nn.init.ones_(layer.parametrizations.weight.original0).requires_grad_(False)
    module.layer = layer
    weight: Tensor = layer.weight
    return weight


def turned(module: nn.Module, rows: Any) -> float:
    """Mean angle, degrees, by which 100 steps of AdamW turn the rows of a classifier of unit vectors."""
    generator = torch.Generator().manual_seed(1)
    vectors = F.normalize(torch.randn(256, BOTTLENECK, generator=generator), dim=-1)
    answers = torch.randint(OUTPUTS, (256,), generator=generator)
    optimizer = torch.optim.AdamW([p for p in module.parameters() if p.requires_grad], lr=5e-4)
    start = F.normalize(rows().detach().clone(), dim=-1)
    for _ in range(100):
        optimizer.zero_grad()
        F.cross_entropy(vectors @ F.normalize(rows(), dim=-1).T / 0.1, answers).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    cosine = (F.normalize(rows().detach(), dim=-1) * start).sum(dim=-1).clamp(-1, 1)
    return float(torch.rad2deg(torch.arccos(cosine)).mean())


def test_rows_of_the_last_layer_turn_as_under_weight_norm() -> None:
    torch.manual_seed(0)
    head = DinoHead(8, DinoConfig(outputs=OUTPUTS, hidden=8, bottleneck=BOTTLENECK))
    reference = nn.Module()
    unit_rows(reference)
    found = turned(head, lambda: head.last)
    expected = turned(reference, lambda: reference.layer.weight)  # type: ignore[union-attr]
    assert expected > 10
    assert found == pytest.approx(expected, rel=0.1)
