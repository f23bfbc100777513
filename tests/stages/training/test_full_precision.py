"""What is float32 in the middle of a forward pass in bfloat16."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from maskdistill.stages.imitate.methods.student import Student
from maskdistill.stages.pretrain.colours import erase_colours, jitter_colours
from maskdistill.stages.pretrain.methods.dino_config import DinoConfig
from maskdistill.stages.pretrain.methods.dino_head import DinoHead
from maskdistill.stages.pretrain.methods.prototypes import Projector, PrototypeSets
from maskdistill.stages.pretrain.views import crop, perturb
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.model import Segmenter
from maskdistill.stages.training.full_precision import cosine_similarity

IMAGES = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))

DRAWN: dict[str, Callable[[], Tensor]] = {
    "crop": lambda: crop(IMAGES, 64, (0.35, 1.0), 180, 1.0),
    "perturb": lambda: perturb(IMAGES),
    "erase_colours": lambda: erase_colours(IMAGES, 1.0),
    "jitter_colours": lambda: jitter_colours(IMAGES, 1.0),
}


@pytest.mark.parametrize("name", DRAWN)
def test_views_are_the_same_under_autocast(name: str) -> None:
    torch.manual_seed(1)
    expected = DRAWN[name]()
    torch.manual_seed(1)
    with torch.autocast("cpu", torch.bfloat16):
        found = DRAWN[name]()
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def heads() -> dict[str, tuple[torch.nn.Module, Tensor]]:
    torch.manual_seed(2)
    tokens = torch.randn(6, 16)
    return {
        "dino": (DinoHead(16, DinoConfig(outputs=8, hidden=8, bottleneck=4)), tokens),
        "projector": (Projector(16), tokens),
        "prototypes": (PrototypeSets(16, (3, 5)), tokens),
        "student": (Student("resnet18", 16), IMAGES),
    }


@pytest.mark.parametrize("name", heads())
def test_heads_give_float32_under_autocast(name: str) -> None:
    head, inputs = heads()[name]
    with torch.autocast("cpu", torch.bfloat16):
        found: Any = head(inputs)
    outputs = [found] if isinstance(found, Tensor) else list(found)
    assert [output.dtype for output in outputs] == [torch.float32] * len(outputs)


def test_logits_at_full_size_are_float32_under_autocast() -> None:
    model = Segmenter(SegmentConfig(backbone="resnet18"), 3, None).eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        logits = model.full_logits(torch.zeros(1, 3, 32, 32, dtype=torch.uint8), (32, 32))
    assert logits.dtype == torch.float32


def test_similarity_is_torchs_own_and_is_not_rounded() -> None:
    torch.manual_seed(3)
    vectors, rows = torch.randn(2, 7, 5), torch.randn(4, 5)
    expected = F.cosine_similarity(vectors[:, :, None], rows[None, None], dim=-1)
    with torch.autocast("cpu", torch.bfloat16):
        found = cosine_similarity(vectors, rows)
    torch.testing.assert_close(found, expected)
