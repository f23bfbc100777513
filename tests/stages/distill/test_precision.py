"""Boxes and anchors of the detector keep float32 under autocast, with either back end."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from helpers.detection import make_detector
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.detector import Detector


def untrained(config: DistillConfig, side: int) -> Detector:
    """For images of `side` px."""
    torch.manual_seed(0)
    detector = make_detector(config.model_copy(update={"image_size": side, "max_size": 1067, "min_score": 0.0}))
    detector.module.eval()
    return detector


def find_module(detector: Detector, name: str) -> torch.nn.Module:
    modules: dict[str, torch.nn.Module] = dict(detector.module.named_modules())
    (found,) = (module for path, module in modules.items() if path.endswith(name))
    return found


def record(module: torch.nn.Module) -> list[list[Tensor]]:
    """A list that gets, each time that `module` is called, the tensors that it gives for each image."""
    seen: list[list[Tensor]] = []
    module.register_forward_hook(lambda _, __, output: seen.append([getattr(one, "tensor", one) for one in output]))
    return seen


def test_boxes_are_not_rounded_to_bf16(tiny: DistillConfig) -> None:
    detector = untrained(tiny, 320)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        found = detector.detect([torch.randint(256, (3, 320, 320), dtype=torch.uint8)])[0]
    edges = torch.from_numpy(found.boxes_xyxy)
    edges = edges[(edges > 128) & (edges < 320)]
    assert len(edges) and (edges != edges.bfloat16()).any()


def test_anchors_are_those_of_float32(tiny: DistillConfig) -> None:
    detector = untrained(tiny, 32)
    # Long enough for bfloat16 to round its corners to 8 px, and quickly looked at.
    image = torch.randint(256, (3, 32, 1056), dtype=torch.uint8)
    seen = record(find_module(detector, "anchor_generator"))
    with torch.inference_mode():
        detector.detect([image])
        with torch.autocast("cpu", torch.bfloat16):
            detector.detect([image])
    plain, rounded = (torch.cat(anchors) for anchors in seen)
    assert plain.shape[1] == 4 and plain.max() > 1024
    assert rounded.dtype == torch.float32
    assert torch.equal(rounded, plain)


def test_boxes_are_pooled_in_float32(tiny: DistillConfig) -> None:
    detector = untrained(tiny, 64)
    image = torch.randint(256, (3, 64, 64), dtype=torch.uint8)
    given: list[Sequence[Any]] = []
    name = "box_roi_pool" if tiny.backend == "torchvision" else "box_pooler"
    find_module(detector, name).register_forward_pre_hook(lambda _, inputs: given.append(inputs[:2]))
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        detector.detect([image])
    ((features, boxes),) = given
    levels = features.values() if isinstance(features, dict) else features
    assert {level.dtype for level in levels} == {torch.float32}
    assert {getattr(one, "tensor", one).dtype for one in boxes} == {torch.float32}
