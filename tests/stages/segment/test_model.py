"""The segmenter's network: its dilation and its head against torchvision's, its sizes, and what is frozen."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torchvision.models.segmentation.deeplabv3 import DeepLabHead

from helpers.segmentation import SETTINGS
from maskdistill.stages.networks.resnet import build_resnet
from maskdistill.stages.segment.heads.deeplab_config import DeepLabConfig
from maskdistill.stages.segment.model import Segmenter
from maskdistill.stages.segment.trunks.resnet import dilate
from maskdistill.stages.weights import WeightsSource


@pytest.mark.parametrize("output_stride", [8, 16])
def test_dilation_is_that_of_torchvision(output_stride: int) -> None:
    ours = build_resnet("resnet50", None)
    dilate(ours, output_stride)
    flags = [False, output_stride == 8, True]
    theirs = torchvision.models.resnet50(weights=None, replace_stride_with_dilation=flags)
    theirs.fc = torch.nn.Identity()
    theirs.load_state_dict(ours.state_dict())
    image = torch.rand(1, 3, 70, 50)
    torch.testing.assert_close(ours.eval()(image), theirs.eval()(image))


@pytest.mark.parametrize("output_stride", [8, 16])
def test_output_size(output_stride: int) -> None:
    model = Segmenter(SETTINGS.model_copy(update={"output_stride": output_stride}), 4, None).eval()
    logits = model(torch.zeros(1, 3, 64, 81, dtype=torch.uint8))
    assert logits.shape == (1, 4, 64 // output_stride, -(-81 // output_stride))


def test_the_head_is_that_of_torchvision() -> None:
    ours = Segmenter(SETTINGS, 3, None).head
    theirs = DeepLabHead(512, 3, (6, 12, 18))
    assert {name: value.shape for name, value in ours.state_dict().items()} == {
        name: value.shape for name, value in theirs.state_dict().items()
    }
    theirs.load_state_dict(ours.state_dict())
    features = torch.randn(2, 512, 5, 5)
    with torch.inference_mode():
        torch.testing.assert_close(ours.eval()(features), theirs.eval()(features))


@pytest.mark.parametrize(("backbone", "width"), [("resnet18", 256), ("resnet50", 1024)])
def test_three_stages_give_the_features_of_the_third(backbone: str, width: int) -> None:
    own = DeepLabConfig(channels=16, dilations=(1, 2, 3))
    config = SETTINGS.model_copy(update={"backbone": backbone, "stages": 3, "output_stride": 8, "deeplab": own})
    model = Segmenter(config, 5, None).eval()
    assert model.width == width
    images = torch.zeros((1, 3, 40, 64), dtype=torch.uint8)
    with torch.inference_mode():
        assert model.features(images).shape == (1, width, 5, 8)
        assert model(images).shape == (1, 5, 5, 8)
    assert not [name for name in model.state_dict() if "layer4" in name]
    head: Any = model.head
    assert [conv[0].dilation for conv in head[0].convs[1:4]] == [(1, 1), (2, 2), (3, 3)]


def test_frozen_only_with_weights(tmp_path: Path) -> None:
    free = Segmenter(SETTINGS, 3, None)
    assert all(parameter.requires_grad for parameter in free.parameters())
    path = tmp_path / "r18.pth"
    torch.save(build_resnet("resnet18", None).state_dict(), path)
    fixed = Segmenter(SETTINGS.model_copy(update={"weights": WeightsSource("file", str(path))}), 3, path)
    learns = {name.split(".")[0] for name, p in fixed.backbone.named_parameters() if p.requires_grad}
    assert learns == {"layer3", "layer4"}
