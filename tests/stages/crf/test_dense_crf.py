"""The DenseCRF against a dense implementation that knows no shortcut, and on coarse ground truth."""

from collections.abc import Iterable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from helpers.paths import SHARED
from maskdistill.data.arrays import IGNORE, FloatArray, UInt8Array
from maskdistill.data.config import ScenesConfig, VocConfig
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.scenes.source import SceneSource
from maskdistill.data.sources.voc import VocSource
from maskdistill.stages.crf.config import CrfConfig
from maskdistill.stages.crf.dense_crf import refine
from maskdistill.stages.evaluate.confusion import ConfusionMatrix
from maskdistill.stages.evaluate.scores import iou_per_class, miou

PHOTOS = SHARED / "data" / "voc_animals"
EXACT = CrfConfig(cell=1e-3, reach=100.0)
"""Every pixel has a node of its own, and every node reaches every other."""
Float64Array = NDArray[np.float64]
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]


def dense_kernel(features: Float64Array) -> Float64Array:
    """D^-1/2 K D^-1/2 over all pairs, float64."""
    squares = np.square(features[:, None] - features[None]).sum(axis=2)
    kernel = np.exp(-0.5 * squares)
    scale = 1 / np.sqrt(kernel.sum(axis=1))
    return np.asarray(kernel * scale[:, None] * scale)


def softmax(x: Float64Array) -> Float64Array:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def brute_force(logits: FloatArray, image: UInt8Array, config: CrfConfig) -> Float64Array:
    """Mean field as in Krähenbühl and Koltun 2011, algorithm 1, in (classes, height, width)."""
    n_classes, height, width = logits.shape
    place = np.array([(y, x) for y in range(height) for x in range(width)], dtype=float)
    colour = image.reshape(-1, 3).astype(float)
    gaussian = dense_kernel(place / config.gaussian_sxy)
    bilateral = dense_kernel(np.hstack([place / config.bilateral_sxy, colour / config.bilateral_srgb]))
    pairwise = config.gaussian_weight * gaussian + config.bilateral_weight * bilateral
    unary = logits.reshape(n_classes, -1).T.astype(float)
    marginals = softmax(unary)
    for _ in range(config.iterations):
        marginals = softmax(unary + pairwise @ marginals)
    return marginals.T.reshape(logits.shape)


def noisy_logits(labels: UInt8Array, n_classes: int, rng: np.random.Generator) -> FloatArray:
    """Scores that favour the true class a little."""
    one_hot = (labels[None] == np.arange(n_classes)[:, None, None]).astype(np.float32)
    return np.asarray(one_hot + rng.normal(size=one_hot.shape).astype(np.float32))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("colours", [2, 40, 256])
@pytest.mark.parametrize(("size_hw", "n_classes"), [((9, 12), 3), ((1, 17), 2), ((14, 7), 21)])
def test_equals_brute_force_on_tiny_images(size_hw: tuple[int, int], n_classes: int, colours: int, device: str) -> None:
    rng = np.random.default_rng(n_classes + colours)
    image = rng.integers(0, colours, (*size_hw, 3)).astype(np.uint8)
    logits = 2 * rng.normal(size=(n_classes, *size_hw)).astype(np.float32)
    found = refine(torch.from_numpy(logits).to(device), image, EXACT)
    assert found.device.type == device
    np.testing.assert_allclose(found.cpu().numpy(), brute_force(logits, image, EXACT), atol=1e-4)


@pytest.mark.parametrize("index", range(3))
def test_the_usual_cells_come_near_to_brute_force(index: int) -> None:
    """40 x 60 px of a scene: benchmarks/crf.py measures the same on photos."""
    source = SceneSource(ScenesConfig(kind="scenes", n_train=3, n_val=0, size=60))
    image, labels = (array[:40] for array in (source.read(index), source.read_labels(index)))
    logits = noisy_logits(labels, 9, np.random.default_rng(index))
    config = CrfConfig(bilateral_sxy=15.0)
    found, expected = refine(torch.from_numpy(logits), image, config).numpy(), brute_force(logits, image, config)
    coarse = refine(torch.from_numpy(logits), image, config.model_copy(update={"cell": 4.0})).numpy()
    assert np.abs(found - expected).mean() < 0.5 * np.abs(coarse - expected).mean()
    assert (found.argmax(axis=0) != expected.argmax(axis=0)).mean() < 0.02
    assert (logits.argmax(axis=0) != expected.argmax(axis=0)).mean() > 0.2


def test_without_kernels_nothing_changes() -> None:
    logits = torch.randn(4, 6, 5, generator=torch.Generator().manual_seed(0))
    config = CrfConfig(gaussian_weight=0.0, bilateral_weight=0.0)
    torch.testing.assert_close(refine(logits, np.zeros((6, 5, 3), np.uint8), config), logits.softmax(dim=0))


def test_classes_are_alike() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 30, (20, 30, 3)).astype(np.uint8)
    logits = torch.from_numpy(rng.normal(size=(5, 20, 30)))
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(refine(logits[order], image, CrfConfig()), refine(logits, image, CrfConfig())[order])


def test_a_flat_image_of_any_size() -> None:
    """One colour only: as few nodes as there are cells of distance, and no overflow of their numbering."""
    probability = refine(torch.zeros(2, 300, 400), np.full((300, 400, 3), 255, np.uint8), CrfConfig(iterations=1))
    torch.testing.assert_close(probability, torch.full((2, 300, 400), 0.5))


def test_sizes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="4 x 6 px"):
        refine(torch.zeros(2, 4, 6), np.zeros((6, 4, 3), np.uint8), CrfConfig())


def block_means(mask: FloatArray, side: int) -> Float64Array:
    """Mean over blocks of side x side px, at the size of the mask."""
    rows, columns = np.indices(mask.shape) // side
    labels = rows * (columns.max() + 1) + columns
    means = ndimage.mean(mask, labels, np.arange(labels.max() + 1))
    return np.asarray(means[labels])


def coarse_truth_miou(source: ImageSource, items: Iterable[int], side: int) -> tuple[float, float]:
    """mIoU of ground truth that is averaged over blocks, as the patches of a ViT give it, and after the CRF."""
    n_classes = len(source.class_names or ())
    before, after = ConfusionMatrix(n_classes, n_classes), ConfusionMatrix(n_classes, n_classes)
    for i in items:
        truth = np.asarray(source.read_labels(i))
        known = np.where(truth == IGNORE, 0, truth)
        classes = np.unique(known)
        coarse = np.stack([block_means((known == c).astype(np.float32), side) for c in classes])
        logits = torch.from_numpy(np.log(np.maximum(coarse, 1e-3)))
        before.update(truth, classes[logits.argmax(dim=0).numpy()])
        after.update(truth, classes[refine(logits, source.read(i), CrfConfig()).argmax(dim=0).numpy()])
    itself = np.arange(n_classes)
    return miou(iou_per_class(before.matrix, itself)), miou(iou_per_class(after.matrix, itself))


def test_sharpens_coarse_truth_of_scenes() -> None:
    source = SceneSource(ScenesConfig(kind="scenes", n_train=6, n_val=0, size=128))
    before, after = coarse_truth_miou(source, range(6), side=16)
    assert after > before + 0.02


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="no photos in ../shared beside the checkout")
def test_sharpens_coarse_truth_of_photos() -> None:
    source = VocSource(VocConfig(kind="voc", root=PHOTOS))
    before, after = coarse_truth_miou(source, range(source.n_train, source.n_train + 3), side=32)
    assert after > before + 0.02
