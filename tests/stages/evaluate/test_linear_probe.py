"""The linear probe on frozen features: what it learns, and what it leaves alone."""

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.sources import MemorySource
from maskdistill.data.arrays import UInt8Array
from maskdistill.data.catalog import PREDICTIONS, SEGMENTER
from maskdistill.data.stores.labels import write_labels
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.evaluate.config import EvaluateConfig
from maskdistill.stages.evaluate.linear_probe import linear_probe
from maskdistill.stages.networks.weights_file import save_weights
from maskdistill.stages.progress import Silent
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.linear_probe import Probe, probe_recipe
from maskdistill.stages.segment.model import Segmenter
from maskdistill.stages.segment.probe_config import LinearProbeConfig
from maskdistill.stages.training.schedules import learning_rate

SETTINGS = SegmentConfig(
    backbone="resnet18", output_stride=16, crop=64, precision="fp32", scale=(1.0, 1.0), rotation=0.0
)
CPU = ExecutionConfig(device="cpu")
QUICK = LinearProbeConfig(epochs=20, step_epoch=15, batch_size=4)
N_IMAGES, N_TRAIN = 10, 6
COLOURS = np.array([[20, 20, 40], [230, 30, 30], [30, 230, 30]], dtype=np.uint8)


def halves(index: int) -> UInt8Array:
    """Classes of an image: 0 on the left, 1 or 2 on the right."""
    classes = np.zeros((64, 64), dtype=np.uint8)
    classes[:, 32:] = 1 + index % 2
    return classes


def make_source(renamed: int = 0, *, labelled: bool = True) -> MemorySource:
    """Images with a dark left half and a bright red or green right half; the labels of the first ones are renamed."""
    ids = [f"photo{i}" for i in range(N_IMAGES)]
    images = {image_id: COLOURS[halves(i)] for i, image_id in enumerate(ids)}
    labels = {image_id: (halves(i) + np.uint8(i < renamed)) % np.uint8(3) for i, image_id in enumerate(ids)}
    return MemorySource(images, N_TRAIN, labels if labelled else None, ("background", "red", "green"))


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A segmenter with random weights, and its predictions, which say nothing."""
    torch.manual_seed(0)
    folders = {"segment": tmp_path_factory.mktemp("segment")}
    save_weights(
        SEGMENTER.path(folders), Segmenter(SETTINGS, 5, None), {"config": SETTINGS.model_dump(), "n_classes": 5}
    )
    write_labels(PREDICTIONS.path(folders), [(f"photo{i}", np.zeros((64, 64), np.uint8)) for i in range(N_IMAGES)])
    return folders


@pytest.mark.parametrize("crf", [False, True])
def test_tells_colours_apart_with_random_features(crf: bool, artifacts: dict[str, Path]) -> None:
    config = EvaluateConfig(linear_probe=QUICK.model_copy(update={"crf": crf}))
    metrics = linear_probe(config, make_source(), artifacts, Silent(), CPU)["val"]
    assert metrics["miou"] > 0.8
    assert list(metrics["iou_per_class"]) == ["background", "red", "green"]
    assert metrics["miou"] == pytest.approx(np.mean(list(metrics["iou_per_class"].values())))
    assert ("miou_crf" in metrics) == crf
    # The features are coarse; the halves differ in colour, so the CRF finds the edge between them.
    assert not crf or metrics["miou_crf"] > metrics["miou"]


def test_learns_the_labels_it_is_given(artifacts: dict[str, Path]) -> None:
    """With the classes renamed on the training images only, the same features are all wrong."""
    source = make_source(renamed=N_TRAIN)
    config = EvaluateConfig(linear_probe=QUICK)
    assert linear_probe(config, source, artifacts, Silent(), CPU)["val"]["miou"] < 0.1


def test_only_the_classifier_learns() -> None:
    probe = Probe(Segmenter(SETTINGS, 5, None), 3).train()
    assert {name for name, p in probe.named_parameters() if p.requires_grad} == {"classifier.weight", "classifier.bias"}
    before = {name: value.clone() for name, value in probe.segmenter.state_dict().items()}
    probe(torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8)).mean().backward()
    assert all(torch.equal(value, before[name]) for name, value in probe.segmenter.state_dict().items())
    gradient = probe.classifier.weight.grad
    assert gradient is not None
    assert gradient.abs().sum() > 0


def test_the_recipe_of_the_method() -> None:
    """60 epochs of 32 images in batches of 16 are 120 steps; the rate falls to a tenth at epoch 25, step 50."""
    recipe = probe_recipe(LinearProbeConfig(), 32, SETTINGS)
    assert recipe.iterations == 120
    assert [round(learning_rate(recipe, step), 6) for step in (0, 49, 50, 119)] == [0.1, 0.1, 0.01, 0.01]


def test_without_truth(artifacts: dict[str, Path]) -> None:
    source = make_source(labelled=False)
    assert linear_probe(EvaluateConfig(), source, artifacts, Silent(), CPU) == {"status": "no ground truth"}
