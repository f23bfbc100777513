"""The optimiser of pre-training, and how fast it turns the rows of DINO's last layer."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from maskdistill.stages.pretrain.config import DinoConfig, PretrainConfig
from maskdistill.stages.pretrain.methods.dino_head import DinoHead
from maskdistill.stages.pretrain.optimizer import clip_gradients, make_optimizer

OUTPUTS, BOTTLENECK = 64, 32


def unit_rows(module: nn.Module) -> Tensor:
    """The rows of DINO's last layer as torch's own weight norm keeps them, of unit length."""
    layer: Any = weight_norm(nn.Linear(BOTTLENECK, OUTPUTS, bias=False))
    nn.init.ones_(layer.parametrizations.weight.original0).requires_grad_(False)
    module.layer = layer
    return layer.weight


def turned(module: nn.Module, rows: Any) -> float:
    """Mean angle, degrees, by which 100 steps of AdamW turn the rows of a classifier of unit vectors."""
    generator = torch.Generator().manual_seed(1)
    vectors = F.normalize(torch.randn(256, BOTTLENECK, generator=generator), dim=-1)
    answers = torch.randint(OUTPUTS, (256,), generator=generator)
    optimizer = torch.optim.AdamW([p for p in module.parameters() if p.requires_grad], lr=5e-4)
    start = F.normalize(rows().detach().clone(), dim=-1)
    for _ in range(100):
        optimizer.zero_grad()
        F.cross_entropy(vectors @ F.normalize(rows(), dim=-1).T / 0.1, answers).backward()
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


def test_betas_and_clipping_are_the_methods_own_unless_they_are_given() -> None:
    dino, prototypes = PretrainConfig(method="dino"), PretrainConfig()
    assert (dino.adam_betas, dino.clips_each) == ((0.9, 0.999), True)
    assert (prototypes.adam_betas, prototypes.clips_each) == ((0.9, 0.95), False)
    given = PretrainConfig(method="dino", betas=(0.8, 0.9), clip="whole")
    assert (given.adam_betas, given.clips_each) == ((0.8, 0.9), False)
    assert make_optimizer(nn.Linear(2, 2), given).defaults["betas"] == (0.8, 0.9)


@pytest.mark.parametrize(("clip", "expected"), [("each", ([0.6, 0.8], [0.5])), ("whole", ([0.6, 0.8], [0.1]))])
def test_gradients_are_clipped_together_or_each_by_itself(clip: Any, expected: tuple[list[float], list[float]]) -> None:
    module = nn.Module()
    module.first, module.second = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))
    module.first.grad, module.second.grad = torch.tensor([3.0, 4.0]), torch.tensor([0.5])
    clip_gradients(module, PretrainConfig(clip=clip, clip_norm=1.0))
    # All together the gradient is sqrt(25.25) long, so that everything is divided by that.
    scale = 1 if clip == "each" else 5 / 25.25**0.5
    torch.testing.assert_close(module.first.grad, torch.tensor(expected[0]) * scale, rtol=1e-4, atol=0)
    torch.testing.assert_close(module.second.grad, torch.tensor(expected[1]) * scale, rtol=1e-4, atol=0)
