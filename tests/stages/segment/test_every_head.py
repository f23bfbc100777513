"""What every head of the segmenter must do, whichever it is: a new one in the registry is tested here by its name."""

import pytest
import torch

from maskdistill.stages.registry import HEADS
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.model import Segmenter


@pytest.fixture(params=list(HEADS.methods))
def config(request: pytest.FixtureRequest) -> SegmentConfig:
    """The settings of each head, on a small ResNet."""
    return SegmentConfig(backbone="resnet18", stages=3, output_stride=16, head=request.param)


def build(config: SegmentConfig, n_classes: int = 5) -> Segmenter:
    torch.manual_seed(0)
    return Segmenter(config, n_classes, None)


@pytest.mark.parametrize("size_hw", [(64, 64), (33, 70), (1, 1)])
def test_logits_have_the_size_of_the_features(config: SegmentConfig, size_hw: tuple[int, int]) -> None:
    model = build(config).eval()
    images = torch.randint(0, 255, (2, 3, *size_hw), dtype=torch.uint8)
    with torch.inference_mode():
        features, logits = model.features(images), model(images)
        assert logits.shape == (2, 5, *features.shape[2:])
        assert torch.isfinite(logits).all()
        assert model.full_logits(images, size_hw).shape == (2, 5, *size_hw)


def test_the_same_seed_gives_the_same_head(config: SegmentConfig) -> None:
    first, second = build(config).state_dict(), build(config).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_an_image_is_predicted_the_same_alone_and_in_a_batch(config: SegmentConfig) -> None:
    model = build(config).eval()
    images = torch.randint(0, 255, (3, 3, 64, 48), dtype=torch.uint8)
    with torch.inference_mode():
        together = model(images)
        alone = torch.cat([model(image[None]) for image in images])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_every_part_of_the_head_learns(config: SegmentConfig) -> None:
    model = build(config).train()
    logits = model.full_logits(torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8), (64, 64))
    torch.autograd.backward(torch.nn.functional.cross_entropy(logits, torch.randint(0, 5, (2, 64, 64))))
    assert all(parameter.grad is not None for parameter in model.head.parameters())


def test_settings_of_heads_that_are_not_chosen_are_no_part_of_the_key(config: SegmentConfig) -> None:
    sections = {name for name, method in HEADS.methods.items() if method.settings}
    assert sections & set(config.used()) == sections & {config.head}
