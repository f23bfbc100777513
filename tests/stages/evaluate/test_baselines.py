"""Otsu's threshold against its definition, and the baselines on images whose objects are easy to see."""

import numpy as np
import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st

from maskdistill.stages.cluster.config import ClusterConfig
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.evaluate.baselines import FirstImages, evaluate_baselines
from maskdistill.stages.evaluate.config import EvaluateConfig
from maskdistill.stages.evaluate.random_vit import write_random_vit
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.methods.otsu import otsu_on_colour, otsu_on_edges, rgb_to_lab
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.networks.vit_weights import read_architecture
from maskdistill.stages.networks.weights_file import save_weights
from maskdistill.stages.otsu import otsu_threshold
from maskdistill.stages.progress import Silent
from maskdistill.stages.training.pool import square

MODEL = "vit_tiny_patch16_224"


@given(seed=st.integers(0, 999))
def test_no_threshold_separates_the_bins_better(seed):
    rng = np.random.default_rng(seed)
    # Values on the centres of 256 bins, so that binning changes nothing.
    values = np.concatenate([[0, 255], rng.integers(0, 256, 60)]) * (255 / 256) + 0.5
    values = np.floor(values)
    found = values > otsu_threshold(values)

    def variance(upper):
        if upper.all() or not upper.any():
            return 0.0
        return upper.mean() * (~upper).mean() * (values[upper].mean() - values[~upper].mean()) ** 2

    best = max(variance(values > value) for value in np.unique(values))
    assert variance(found) == pytest.approx(best, rel=0.01)


def test_lab_of_known_colours():
    pixels = np.asarray([[[255, 255, 255], [255, 0, 0], [0, 0, 0], [0, 0, 255]]], dtype=np.uint8)
    expected = [[100, 0, 0], [53.24, 80.09, 67.20], [0, 0, 0], [32.30, 79.19, -107.86]]
    np.testing.assert_allclose(rgb_to_lab(pixels)[0], expected, atol=0.02)


def iou(first, second):
    return (first & second).sum() / (first | second).sum()


def test_a_coloured_square_is_found_by_colour_and_a_rough_one_by_edges():
    rng = np.random.default_rng(0)
    square = np.zeros((96, 128), dtype=bool)
    square[30:70, 40:90] = True
    image = np.full((96, 128, 3), 90, dtype=np.uint8)
    coloured, rough = image.copy(), image.copy()
    coloured[square] = (200, 40, 40)
    rough[square] += rng.integers(0, 80, (square.sum(), 1), dtype=np.uint8)
    assert iou(otsu_on_colour(coloured), square) > 0.9
    assert iou(otsu_on_edges(rough), square) > 0.7


def test_an_image_of_one_colour_does_no_harm():
    flat = np.full((20, 30, 3), 7, dtype=np.uint8)
    for mask in (otsu_on_colour(flat), otsu_on_edges(flat)):
        assert mask.shape == (20, 30)


def write(config, seed, path, source):
    inputs = StageInputs(source, {}, seed, ExecutionConfig(device="cpu"))
    write_random_vit(config, inputs, path, Silent())


def test_random_weights_have_the_architecture_of_the_checkpoint(tiny_source, tmp_path):
    write(MineConfig(model=MODEL, weights="random"), 0, tmp_path / "plain.safetensors", tiny_source)
    assert read_architecture(tmp_path / "plain.safetensors")[:2] == (MODEL, {})
    trained = "configs/weights/scenes_vit.safetensors"
    for seed in (0, 1):
        write(MineConfig(model="not used", weights=trained), seed, tmp_path / f"{seed}.safetensors", tiny_source)
    states = [load_vit("-", str(tmp_path / f"{seed}.safetensors")).state_dict() for seed in (0, 1)]
    shapes = {name: value.shape for name, value in load_vit("-", trained).state_dict().items()}
    assert {name: value.shape for name, value in states[0].items()} == shapes
    name = "model.blocks.0.attn.qkv.weight"
    assert not torch.equal(states[0][name], states[1][name])


def test_random_weights_see_pixels_as_the_trained_ones_do(tiny_source, tmp_path):
    torch.save(timm.create_model(MODEL, num_classes=0).state_dict(), tmp_path / "trained.pth")
    config = MineConfig(model=MODEL, weights=str(tmp_path / "trained.pth"), normalise="imagenet")
    write(config, 0, tmp_path / "random.safetensors", tiny_source)
    backbone = load_vit("-", str(tmp_path / "random.safetensors"))
    assert (backbone.mean, backbone.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.parametrize("key_offset", [None, 0.0])
def test_random_keys_lose_their_mean_where_the_trained_ones_did(key_offset, tiny_source, tmp_path):
    overrides = {"img_size": 64, "patch_size": 16, "depth": 2}
    network = timm.create_model(MODEL, num_classes=0, **overrides)
    description = {"model": MODEL, "overrides": overrides, "config": {"key_offset": key_offset, "image_size": 64}}
    save_weights(tmp_path / "trained.safetensors", network, description)
    config = MineConfig(weights=str(tmp_path / "trained.safetensors"))
    write(config, 0, tmp_path / "random.safetensors", tiny_source)
    backbone = load_vit("-", str(tmp_path / "random.safetensors"))
    squares = np.stack([square(tiny_source.read(i), 64) for i in range(tiny_source.n_train)])
    images = (torch.from_numpy(squares).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
    mean = backbone.queries_keys(images)[1][:, :, 1:].mean(dim=(0, 2))
    assert (mean.norm() < 1e-4) == (key_offset == 0.0)


def test_every_baseline_is_scored_on_the_first_images(make_source):
    source = make_source(n_images=8, n_train=5)
    inputs = StageInputs(source, {}, 0, ExecutionConfig(device="cpu"))
    mine = MineConfig(model=MODEL, weights="random", short_side=64)
    cluster = ClusterConfig(k=2, model=MODEL, weights="random", max_side=64)
    results = evaluate_baselines(EvaluateConfig(baseline_images=3), mine, cluster, inputs, Silent())
    assert list(results) == ["Otsu on colour", "Otsu on edges", "random ViT"]
    # The objects are bright rectangles on dark ground.
    assert results["Otsu on colour"]["scores"]["train"]["corloc"] == 1
    assert results["Otsu on colour"]["scores"]["train"]["foreground_iou"] > 0.8
    assert "purity" not in results["Otsu on colour"]["scores"]["val"]
    assert 0 <= results["random ViT"]["scores"]["val"]["purity"] <= 1
    assert [result["items"] for result in results.values()] == [6, 6, 6]
    assert not set(source.reads) - {0, 1, 2, 5, 6, 7}


def test_the_first_images_of_each_split(make_source):
    source = make_source(n_images=8, n_train=5)
    first = FirstImages(source, 2)
    assert list(first.ids) == ["blob0", "blob1", "blob5", "blob6"]
    assert first.n_train == 2
    np.testing.assert_array_equal(first.read_labels(2), source.read_labels(5))
    np.testing.assert_array_equal(first.read_boxes(3), source.read_boxes(6))
    assert FirstImages(source, 100).ids == source.ids
