"""The linear probe on frozen features: what it learns, and what it leaves alone."""

import numpy as np
import pytest
import torch

from maskdistill.data.sources.image_source import ImageSource
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
from maskdistill.stages.training.recipe import learning_rate

SEGMENTER = SegmentConfig(
    backbone="resnet18", output_stride=16, crop=64, precision="fp32", scale=(1.0, 1.0), rotation=0.0
)
CPU = ExecutionConfig(device="cpu")
QUICK = EvaluateConfig(linear_probe=LinearProbeConfig(epochs=20, step_epoch=15, batch_size=4))


class Halves(ImageSource):
    """A dark left half, class 0, and a bright red or green right half, classes 1 and 2."""

    class_names = ("background", "red", "green")
    n_train = 6

    def __init__(self):
        self.ids = tuple(f"photo{i}" for i in range(10))
        self.shift = 0

    def fingerprint(self):
        return "halves"

    def _classes(self, index):
        labels = np.zeros((64, 64), dtype=np.uint8)
        labels[:, 32:] = 1 + index % 2
        return labels

    def read(self, index):
        return np.array([[20, 20, 40], [230, 30, 30], [30, 230, 30]], dtype=np.uint8)[self._classes(index)]

    def read_labels(self, index):
        return (self._classes(index) + self.shift).astype(np.uint8) % 3


@pytest.fixture
def artifacts(tmp_path):
    torch.manual_seed(0)
    folder = tmp_path / "segment"
    folder.mkdir()
    model = Segmenter(SEGMENTER, 5, None)
    save_weights(folder / "segmenter.safetensors", model, {"config": SEGMENTER.model_dump(), "n_classes": 5})
    write_labels(folder / "predictions.zarr", [(f"photo{i}", np.zeros((64, 64), np.uint8)) for i in range(10)])
    return {"segment": folder}


def test_tells_colours_apart_with_random_features(artifacts):
    metrics = linear_probe(QUICK, Halves(), artifacts, Silent(), CPU)["val"]
    assert metrics["miou"] > 0.8
    assert list(metrics["iou_per_class"]) == ["background", "red", "green"]
    assert metrics["miou"] == pytest.approx(np.mean(list(metrics["iou_per_class"].values())))


def test_learns_the_labels_it_is_given(artifacts):
    """With the classes renamed on the training images only, the same features are all wrong."""
    source = Halves()
    true_labels = source.read_labels
    source.read_labels = lambda index: (true_labels(index) + (index < 6)).astype(np.uint8) % 3
    assert linear_probe(QUICK, source, artifacts, Silent(), CPU)["val"]["miou"] < 0.1


def test_with_crf(artifacts):
    config = QUICK.model_copy(update={"linear_probe": QUICK.linear_probe.model_copy(update={"crf": True, "epochs": 4})})
    metrics = linear_probe(config, Halves(), artifacts, Silent(), CPU)["val"]
    assert 0 <= metrics["miou_crf"] <= 1


def test_only_the_classifier_learns():
    probe = Probe(Segmenter(SEGMENTER, 5, None), 3).train()
    assert {name for name, p in probe.named_parameters() if p.requires_grad} == {"classifier.weight", "classifier.bias"}
    before = {name: value.clone() for name, value in probe.segmenter.state_dict().items()}
    probe(torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8)).mean().backward()
    assert all(torch.equal(value, before[name]) for name, value in probe.segmenter.state_dict().items())
    assert probe.classifier.weight.grad.abs().sum() > 0


def test_the_recipe_of_the_method():
    """60 epochs of 32 images in batches of 16 are 120 steps; the rate falls to a tenth at epoch 25, step 50."""
    recipe = probe_recipe(LinearProbeConfig(), 32, SEGMENTER)
    assert recipe.iterations == 120
    assert [round(learning_rate(recipe, step), 6) for step in (0, 49, 50, 119)] == [0.1, 0.1, 0.01, 0.01]


def test_without_truth(artifacts):
    source = Halves()
    source.read_labels = lambda index: None
    assert linear_probe(QUICK, source, artifacts, Silent(), CPU) == {"status": "no ground truth"}
