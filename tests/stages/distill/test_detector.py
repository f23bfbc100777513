"""A detector of either back end by itself: losses at the edge, predictions that depend on nothing else."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from helpers.detection import SETTINGS, make_detector, predict
from helpers.sources import MemorySource
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.detector import Target
from maskdistill.stages.distill.detectors.vit_levels import VitLevels
from maskdistill.stages.distill.geometry import boxes_of
from maskdistill.stages.networks.resnet import build_resnet
from maskdistill.stages.networks.vit_tuning import layer_of
from maskdistill.stages.vit_backbone_config import Freeze
from maskdistill.stages.weights import WeightsSource


def target_of(*masks: NDArray[np.bool_]) -> Target:
    stacked = torch.from_numpy(np.stack(masks)) if masks else torch.zeros((0, 64, 64), dtype=torch.bool)
    return Target(boxes_xyxy=boxes_of(stacked), clusters=torch.zeros(len(masks), dtype=torch.int64), masks=stacked)


@pytest.mark.parametrize("ignore_unmatched", [0.0, 0.1])
def test_image_without_masks_trains(tiny: DistillConfig, ignore_unmatched: float) -> None:
    detector = make_detector(tiny.model_copy(update={"ignore_unmatched": ignore_unmatched}))
    detector.module.train()
    images = [torch.zeros((3, 64, 64), dtype=torch.uint8)] * 2
    losses = detector.losses(images, [target_of(), target_of(np.eye(64, dtype=bool))])
    torch.autograd.backward(list(losses.values()))
    assert all(torch.isfinite(loss) for loss in losses.values())
    alone = detector.losses(images, [target_of(), target_of()])
    assert all(torch.isfinite(loss) for loss in alone.values())


def test_unmatched_regions_have_no_say(backend: str) -> None:
    """With a threshold, what happens far from the mask must not reach the classifier's loss.

    A ResNet shows it; under a ViT all regions see the whole image.
    """

    def gradient_far_away(threshold: float) -> float:
        torch.manual_seed(3)
        detector = make_detector(SETTINGS.model_copy(update={"backend": backend, "ignore_unmatched": threshold}))
        detector.module.train()
        # Fixed statistics: batch norm would let every pixel reach every other.
        for module in detector.module.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
        mask = np.zeros((512, 512), dtype=bool)
        mask[8:40, 8:40] = True
        noise = (torch.rand(3, 512, 512) * 255).requires_grad_()
        losses = detector.losses([noise], [target_of(mask)])
        (gradient,) = torch.autograd.grad(losses["loss_objectness"] + losses["loss_classifier"], noise)
        return float(gradient[:, 400:, 400:].abs().sum())

    assert gradient_far_away(0.0) > 0
    assert gradient_far_away(0.3) == 0


def test_prediction_does_not_depend_on_the_batch(tiny: DistillConfig, blocks: MemorySource) -> None:
    torch.manual_seed(0)
    detector = make_detector(tiny.model_copy(update={"min_score": 0.0}))
    detector.module.eval()
    ids = list(blocks.ids)
    alone, together = (predict(detector, blocks, ids, batch_size) for batch_size in (1, 6))
    assert len(alone) > 20
    np.testing.assert_array_equal(alone.image, together.image)
    np.testing.assert_allclose(alone.score, together.score, atol=1e-5)


def test_prediction_does_not_depend_on_the_first_image(tiny: DistillConfig, blocks: MemorySource) -> None:
    torch.manual_seed(0)
    detector = make_detector(tiny.model_copy(update={"min_score": 0.0}))
    detector.module.eval()
    image = torch.from_numpy(blocks.read(0)).permute(2, 0, 1)
    untouched = copy.deepcopy(detector)
    with torch.inference_mode():
        # Padded to many times its height.
        detector.detect([torch.zeros((3, 3, 200), dtype=torch.uint8)])
        expected, found = untouched.detect([image])[0], detector.detect([image])[0]
    np.testing.assert_array_equal(found.boxes_xyxy, expected.boxes_xyxy)
    np.testing.assert_array_equal(found.masks, expected.masks)


def test_resnet_with_weights_is_frozen_in_part(backend: str, tmp_path: Path) -> None:
    path = tmp_path / "r18.pth"
    torch.save(build_resnet("resnet18", None).state_dict(), path)
    resnet = SETTINGS.model_copy(update={"backend": backend})
    given: Any = make_detector(resnet.model_copy(update={"weights": WeightsSource("file", str(path))})).module
    fixed = {name.split(".")[1] for name, p in given.backbone.named_parameters() if not p.requires_grad}
    assert fixed <= {"conv1", "layer1", "stem", "res2"} and len(fixed) == 2
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in given.modules())
    free: Any = make_detector(resnet).module
    assert all(parameter.requires_grad for parameter in free.backbone.parameters())


@pytest.mark.parametrize(("freeze", "fixed"), [("all", {0, 1, 2, 3}), (1, {0, 1}), ("none", set())])
def test_vit_is_frozen_in_part(backend: str, vit_settings: DistillConfig, freeze: Freeze, fixed: set[int]) -> None:
    """What is frozen gets no gradient, and everything else does. The layers: patches, two blocks, and a norm."""
    vit = vit_settings.vit.model_copy(update={"freeze": freeze})
    detector = make_detector(vit_settings.model_copy(update={"backend": backend, "vit": vit}))
    detector.module.train()
    images = [torch.randint(256, (3, 64, 64), dtype=torch.uint8)] * 2
    losses = detector.losses(images, [target_of(np.eye(64, dtype=bool))] * 2)
    torch.autograd.backward(list(losses.values()))
    without = {name for name, parameter in detector.module.named_parameters() if parameter.grad is None}
    assert all(".vit.model." in name for name in without)
    assert {layer_of(name.partition(".vit.")[2], 2) for name in without} == fixed


def test_a_vit_sees_pixels_as_its_weights_expect_them(backend: str, vit_settings: DistillConfig) -> None:
    """Pixels, sizes and strides come to the same levels as the pyramid by itself, of images that are padded."""
    detector = make_detector(vit_settings.model_copy(update={"backend": backend}))
    detector.module.eval()
    levels = next(module for module in detector.module.modules() if isinstance(module, VitLevels))
    seen: list[Tensor] = []
    levels.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image = torch.randint(256, (3, 64, 72), dtype=torch.uint8)
    with torch.inference_mode():
        detector.detect([image])
    mean, std = (torch.tensor(values)[:, None, None] for values in levels.pyramid.vit.pixels)
    expected = torch.nn.functional.pad((image / 255 - mean) / std, (0, 24))
    torch.testing.assert_close(seen[0][0], expected, atol=1e-5, rtol=1e-5)
