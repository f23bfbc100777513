"""A detector as ONNX and TorchScript: other programs find the same candidates."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.detection import SETTINGS, make_detector
from helpers.small_vit import save_small_vit
from maskdistill.data.errors import InputError
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.regions import RegionDetector, candidates_of
from maskdistill.stages.distill.detectors.torchvision import TorchvisionDetector
from maskdistill.stages.distill.graph import PixelsToCandidates, PixelsToRegions, graph_of
from maskdistill.stages.networks.graph_files import PixelNetwork, write_onnx, write_torchscript

SIZE = (70, 90)


def image(size_hw: tuple[int, int], seed: int) -> Tensor:
    """A picture of large smooth regions, uint8 (1, 3, H, W)."""
    coarse = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(seed)) * 255
    return torch.nn.functional.interpolate(coarse, size=size_hw, mode="bicubic").clamp(0, 255).byte()


@pytest.fixture
def regions(tmp_path: Path) -> RegionDetector:
    torch.manual_seed(0)
    own = {"backend": "regions", "backbone": "vit", "weights": save_small_vit(tmp_path / "vit.safetensors"),
           "vit": {"model": "-"}, "regions": {"blocks": (1, -1)}, "image_size": 64, "min_score": 0.0}  # fmt: skip
    detector = make_detector(DistillConfig.model_validate(own), n_clusters=4)
    assert isinstance(detector, RegionDetector)
    detector.module.eval()
    return detector


@pytest.fixture
def mask_rcnn() -> TorchvisionDetector:
    torch.manual_seed(0)
    detector = make_detector(SETTINGS.model_copy(update={"min_score": 0.0, "max_candidates": 5}), n_clusters=3)
    assert isinstance(detector, TorchvisionDetector)
    detector.module.eval()
    return detector


def from_onnx(network: PixelNetwork, path: Path, pixels: Tensor) -> list[Any]:
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not path.exists():
        write_onnx(network, path)
    found: list[Any] = onnxruntime.InferenceSession(path, options).run(None, {"image": pixels.numpy()})
    return found


def from_torchscript(network: PixelNetwork, path: Path, pixels: Tensor) -> Any:
    write_torchscript(network, path)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # torch means to replace it
        return torch.jit.load(path)(pixels)  # type: ignore[no-untyped-call]


def test_regions_of_every_size_are_found_by_onnxruntime(regions: RegionDetector, tmp_path: Path) -> None:
    classes = set()
    for number, size in enumerate([(64, 64), SIZE, (129, 60)]):
        pixels = image(size, number)
        [probability] = from_onnx(PixelsToRegions(regions), tmp_path / "model.onnx", pixels)
        with torch.inference_mode():
            expected = regions.detect([pixels[0]])[0]
        own = regions.own
        found = candidates_of(probability[0], own.min_area, regions.config.min_score, regions.config.max_candidates)
        assert probability.shape == (1, 5, *size) and np.allclose(probability.sum(axis=1), 1, atol=1e-5)
        assert np.array_equal(found.clusters, expected.clusters) and len(found.clusters)
        assert (found.masks == expected.masks).mean() >= 0.999
        classes |= set(probability[0].argmax(axis=0).ravel().tolist())
    assert len(classes) > 1


def test_regions_of_one_size_are_found_by_torchscript(regions: RegionDetector, tmp_path: Path) -> None:
    pixels, network = image(SIZE, 3), PixelsToRegions(regions, SIZE)
    with torch.inference_mode():
        expected = network(pixels)
    assert torch.allclose(from_torchscript(network, tmp_path / "model.pt", pixels), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["onnx", "torchscript"])
def test_candidates_of_a_mask_rcnn(mask_rcnn: TorchvisionDetector, kind: str, tmp_path: Path) -> None:
    network, read = PixelsToCandidates(mask_rcnn, SIZE), from_onnx if kind == "onnx" else from_torchscript
    for seed in (1, 2):
        pixels = image(SIZE, seed)
        boxes, scores, clusters, masks = (np.asarray(one) for one in read(network, tmp_path / "model", pixels))
        with torch.inference_mode():
            expected = mask_rcnn.detect([pixels[0]])[0]
        assert len(expected.scores) == 5
        assert np.allclose(boxes, expected.boxes_xyxy, atol=0.01) and np.allclose(scores, expected.scores, atol=1e-4)
        assert np.array_equal(clusters, expected.clusters)
        assert masks.dtype == bool and (masks == expected.masks).mean() >= 0.999


def test_what_cannot_be_written_is_said(mask_rcnn: TorchvisionDetector) -> None:
    with pytest.raises(InputError, match="--size"):
        graph_of(mask_rcnn, mask_rcnn.config, None)
    config = mask_rcnn.config.model_copy(update={"backend": "detectron2"})
    with pytest.raises(InputError, match="detectron2"):
        graph_of(_OfAnotherLibrary(), config, SIZE)  # type: ignore[arg-type]


class _OfAnotherLibrary:
    """A detector that nothing is known of."""
