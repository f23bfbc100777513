"""What only the detectron2 back end has: weights under other names, and the C4 neck."""

from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.detection import make_detector
from maskdistill.stages.distill.config import DistillConfig, has_detectron2
from maskdistill.stages.distill.detectors.build import create_detector
from maskdistill.stages.networks.resnet import ResNetName, build_resnet

pytestmark = [
    pytest.mark.detectron2,
    pytest.mark.skipif(not has_detectron2(), reason="detectron2 is not installed"),
]


@pytest.mark.parametrize(("backbone", "neck"), [("resnet18", "fpn"), ("resnet50", "fpn"), ("resnet50", "c4")])
def test_backbone_weights_give_detectron2_the_same_features(tmp_path: Path, backbone: ResNetName, neck: str) -> None:
    torch.manual_seed(4)
    resnet = build_resnet(backbone, None).train()
    with torch.no_grad():
        resnet(torch.randn(2, 3, 64, 64))  # statistics that are not 0 and 1
    path = tmp_path / "r.pth"
    torch.save({"state_dict": {f"module.encoder_q.{k}": v for k, v in resnet.state_dict().items()}}, path)
    settings = {
        "backend": "detectron2",
        "backbone": backbone,
        "heads": "full" if neck == "c4" else "slim",
        "weights": path,
    }
    config = DistillConfig.model_validate({**settings, "detectron2": {"neck": neck}})
    model: Any = create_detector(config, 2, path).module.eval()
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        trunk = getattr(model.backbone, "bottom_up", model.backbone)
        found = list(trunk(image).values())
        if neck == "c4":
            found.append(model.roi_heads.res5(found[-1]))
        expected, x = [], resnet.eval().maxpool(resnet.relu(resnet.bn1(resnet.conv1(image))))
        for stage in (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4):
            expected.append(x := stage(x))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found[::-1], expected[::-1], strict=False))
    assert len(found) == (2 if neck == "c4" else 4)


def test_both_back_ends_pool_from_the_same_levels_of_a_vit(vit_settings: DistillConfig) -> None:
    ours, theirs = (
        make_detector(vit_settings.model_copy(update={"backend": backend})) for backend in ("torchvision", "detectron2")
    )
    first: Any = ours.module
    second: Any = theirs.module
    second.backbone.levels.load_state_dict(first.backbone.state_dict())
    images = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        pairs = zip(first.backbone(images).values(), second.backbone(images).values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    strides = [shape.stride for shape in second.backbone.output_shape().values()]
    assert [64 // level.shape[2] for level in second.backbone(images).values()] == strides
