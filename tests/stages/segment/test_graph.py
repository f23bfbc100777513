"""A segmenter as ONNX and TorchScript: other programs compute the same labels from the same pixels."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from maskdistill.data.arrays import UInt8Array
from maskdistill.stages.networks.graph_files import write_onnx, write_torchscript
from maskdistill.stages.networks.vit import build_backbone
from maskdistill.stages.networks.vit_weights import Architecture
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.graph import PixelsToLabels
from maskdistill.stages.segment.inference import view_scores, views_of
from maskdistill.stages.segment.model import Segmenter
from maskdistill.stages.segment.predict import to_labels

SIZES = [(60, 90), (96, 64), (224, 224), (33, 71)]
RESNET = SegmentConfig.model_validate(
    {"backbone": "resnet18", "stages": 3, "image_size": 64, "deeplab": {"channels": 8}}
)
VIT = SegmentConfig.model_validate(
    {
        "backbone": "vit",
        "weights": "random",
        "vit": {"model": "vit_tiny_patch16_224"},
        "image_size": 64,
        "head": "linear",
    }
)
VIEWS = {"inference_scales": (1.0, 0.75), "inference_flip": True}


def made(config: SegmentConfig) -> Segmenter:
    """An untrained one that has seen some pictures, so that its classes differ from place to place."""
    torch.manual_seed(0)
    architecture = Architecture("vit_tiny_patch16_224", {"depth": 2, "embed_dim": 48})
    vit = build_backbone(architecture) if config.backbone == "vit" else None
    model = Segmenter(config, 5, vit=vit)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model(torch.from_numpy(np.stack([scene((64, 80)), scene((64, 80))[::-1]])).permute(0, 3, 1, 2))
    return model.eval()


def scene(size_hw: tuple[int, int]) -> UInt8Array:
    """A picture of large smooth regions, as photos have them."""
    rng = np.random.default_rng(size_hw[0])
    coarse = torch.from_numpy(rng.integers(0, 255, (1, 3, 5, 6)).astype(np.float32))
    smooth = torch.nn.functional.interpolate(coarse, size=size_hw, mode="bicubic").clamp(0, 255)
    return smooth[0].permute(1, 2, 0).byte().numpy()


def predicted(model: Segmenter, config: SegmentConfig, pixels: UInt8Array) -> UInt8Array:
    """As the segment stage predicts it."""
    with torch.inference_mode():
        scores = view_scores(model, [view[None] for view in views_of(pixels, config)], config)
    return to_labels([view[0] for view in scores], pixels, config, with_crf=False)


@pytest.mark.parametrize("config", [RESNET, VIT], ids=["resnet", "vit"])
def test_onnx_gives_the_labels_of_the_stage_at_every_size(config: SegmentConfig, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    model = made(config)
    write_onnx(PixelsToLabels(model, config), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    same = []
    for size in SIZES:
        pixels = scene(size)
        [labels] = session.run(None, {"image": pixels.transpose(2, 0, 1)[None]})
        expected = predicted(model, config, pixels)
        assert labels.dtype == np.uint8 and len(np.unique(expected)) > 1
        same.append((labels[0] == expected).ravel())
    assert np.concatenate(same).mean() >= 0.999


@pytest.mark.parametrize("config", [RESNET, VIT], ids=["resnet", "vit"])
def test_torchscript_gives_the_labels_of_images_of_its_shape(config: SegmentConfig, tmp_path: Path) -> None:
    config = config.model_copy(update=VIEWS)
    model, size = made(config), (60, 90)
    write_torchscript(PixelsToLabels(model, config, size), tmp_path / "model.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch means to replace it
        script = torch.jit.load(tmp_path / "model.pt")  # type: ignore[no-untyped-call]
    image = torch.from_numpy(scene(size).transpose(2, 0, 1)[None].copy())
    with torch.inference_mode():
        expected = PixelsToLabels(model, config)(image)
    assert (script(image) == expected).float().mean() >= 0.999
    other = torch.from_numpy(scene((33, 71)).transpose(2, 0, 1)[None].copy())
    assert script(other).shape == (1, 33, 71)


def test_probabilities_are_those_of_the_labels() -> None:
    model = made(VIT)
    image = torch.from_numpy(scene((40, 50)).transpose(2, 0, 1)[None].copy())
    with torch.inference_mode():
        found = PixelsToLabels(model, VIT, probabilities=True)(image)
        assert found.shape == (1, 5, 40, 50) and torch.allclose(found.sum(dim=1), torch.ones(1, 40, 50))
        assert torch.equal(found.argmax(dim=1), PixelsToLabels(model, VIT)(image).long())
