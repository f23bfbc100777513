"""The distill stage: targets at their edges, learning, predictions, resume."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from data.clusters import ClusterStore
from data.errors import CorruptArtifact, InputError, MaskDistillError
from data.images import ImageSource
from data.masks import MaskStore, MaskStoreBuilder
from stages.batching import batch_by_shape
from stages.contract import ExecutionConfig, StageInputs
from stages.distill.config import DistillConfig
from stages.distill.dataset import augment
from stages.distill.detector import Detector
from stages.distill.geometry import boxes_of, resize_masks, resized_hw
from stages.distill.predict import predict_part
from stages.distill.stage import load_detector, run
from stages.distill.torchvision_backend import TorchvisionDetector
from stages.progress import Silent
from stages.resnet import build_resnet

# pycocotools 2.0 decodes without the copy keyword that NumPy 2 asks for.

CPU = torch.device("cpu")
TINY = DistillConfig(
    backbone="resnet18",
    heads="slim",
    image_size=64,
    max_size=128,
    scale=(1.0, 1.0),
    iterations=40,
    batch_size=2,
    lr=1e-3,
    optimizer="adamw",
    warmup_iterations=10,
    schedule="cosine",
    precision="fp32",
)
SIZES_HW = [(64, 96), (80, 64), (64, 64), (64, 96), (72, 64), (64, 80)]


class Blocks(ImageSource):
    """One bright block per image on noise: red ones are cluster 0, green ones cluster 1."""

    def __init__(self) -> None:
        self.ids = tuple(f"photo{i}" for i in range(len(SIZES_HW)))
        self.n_train = 4

    def fingerprint(self) -> str:
        return "blocks"

    def mask(self, index: int) -> np.ndarray:
        mask = np.zeros(SIZES_HW[index], dtype=bool)
        mask[12 + 3 * index : 46 + 3 * index, 10 + 2 * index : 44 + 2 * index] = True
        return mask

    def read(self, index: int) -> np.ndarray:
        pixels = np.random.default_rng(index).integers(0, 70, (*SIZES_HW[index], 3), dtype=np.uint8)
        pixels[self.mask(index), index % 2] = 240
        return pixels


def save_inputs(folder, masks: MaskStore, k: int = 2) -> dict:
    masks.save(folder / "mine" / "masks.zarr")
    n = len(masks)
    cluster = np.arange(n, dtype=np.int32) % k
    zeros = np.zeros((n, 3), dtype=np.float32)
    centroids = np.zeros((k, 3), dtype=np.float32)
    ClusterStore(zeros, cluster, zeros[:, 0], centroids, centroids[0]).save(folder / "cluster" / "clusters.zarr")
    return {name: folder / name for name in ("mine", "cluster")}


@pytest.fixture
def inputs(tmp_path):
    source, builder = Blocks(), MaskStoreBuilder()
    for index, image_id in enumerate(source.ids):
        builder.add(image_id, source.mask(index)[None])
    artifacts = save_inputs(tmp_path, builder.build())
    return StageInputs(source, artifacts, seed=2, execution=ExecutionConfig(device="cpu", part_size=4))


def test_learns_predicts_and_reloads(inputs, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    outputs = run(TINY, inputs, work, Silent())
    candidates = MaskStore.open(work / "candidates.zarr")
    assert candidates.image_ids == inputs.source.ids
    for image in range(inputs.source.n_train):
        rows = candidates.rows_of(image)
        assert np.all(np.diff(candidates.score[rows.start : rows.stop]) <= 0)
        truth = coco_mask.encode(np.asfortranarray(inputs.source.mask(image), dtype=np.uint8))
        assert coco_mask.iou([candidates.rle(rows.start)], [truth], [0])[0, 0] > 0.6
        assert candidates.cluster[rows.start] == image % 2
        assert candidates.size_hw[rows.start].tolist() == list(SIZES_HW[image])
    assert sum(outputs.metrics["score_histogram"]) == outputs.items == len(candidates)
    assert outputs.metrics["iterations"] == TINY.iterations
    assert {"loss", "loss_mask", "loss_classifier"} <= set(outputs.metrics["losses"])
    assert sorted(path.name for path in work.iterdir()) == [
        "candidates.zarr", "detector.safetensors", "training.jsonl"]  # fmt: skip
    again = predict(load_detector(work / "detector.safetensors", CPU), inputs.source, ["photo1"])
    np.testing.assert_allclose(again.score, candidates.select(candidates.image == 1).score, atol=1e-6)


def predict(detector: Detector, source: ImageSource, ids: list[str], batch_size: int = 4) -> MaskStore:
    return predict_part(detector, source, ids, TINY, batch_size, CPU, Silent())


def test_killed_and_resumed_is_identical(inputs, tmp_path, stop_at):
    config = TINY.model_copy(update={"iterations": 4, "precision": "bf16", "scale": (0.8, 1.2)})
    inputs = StageInputs(inputs.source, inputs.artifacts, 2, ExecutionConfig(device="cpu", checkpoint_seconds=0))
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    run(config, inputs, tmp_path / "whole", Silent())
    with pytest.raises(KeyboardInterrupt):
        run(config, inputs, tmp_path / "killed", stop_at(2))
    run(config, inputs, tmp_path / "killed", Silent())
    for name in ("detector.safetensors", "training.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()


class Odd(ImageSource):
    """Images and masks at the edge of what a detector can take."""

    sizes_hw = ((1, 1), (90, 70), (64, 64), (3, 200), (500, 400))

    def __init__(self) -> None:
        self.ids = tuple(f"odd{i}" for i in range(len(self.sizes_hw)))
        self.n_train = len(self.ids)

    def fingerprint(self) -> str:
        return "odd"

    def read(self, index: int) -> np.ndarray:
        return np.full((*self.sizes_hw[index], 3), 90, dtype=np.uint8)

    def masks(self) -> MaskStore:
        builder = MaskStoreBuilder()
        for image_id, size_hw in zip(self.ids, self.sizes_hw, strict=True):
            masks = np.zeros((3, *size_hw), dtype=bool)
            masks[0] = True
            masks[1, -1, -1] = True
            masks[2, 0, :] = True
            builder.add(image_id, masks)
        return builder.build()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_odd_masks_and_images_break_nothing(tmp_path, precision):
    source = Odd()
    inputs = StageInputs(source, save_inputs(tmp_path, source.masks()), execution=ExecutionConfig(device="cpu"))
    config = TINY.model_copy(update={"iterations": 2, "batch_size": 5, "precision": precision, "min_score": 0.0})
    outputs = run(config, inputs, tmp_path, Silent())
    assert np.isfinite(outputs.metrics["losses"]["loss"])
    candidates = MaskStore.open(tmp_path / "candidates.zarr")
    assert len(candidates)
    sizes = np.asarray(source.sizes_hw)[candidates.image]
    assert np.array_equal(candidates.size_hw, sizes)


def test_prediction_does_not_depend_on_the_batch(inputs):
    torch.manual_seed(0)
    detector = TorchvisionDetector(TINY.model_copy(update={"min_score": 0.0}), 2, None)
    detector.module.eval()
    ids = list(inputs.source.ids)
    alone, together = (predict(detector, inputs.source, ids, batch_size) for batch_size in (1, 6))
    assert len(alone) > 20
    np.testing.assert_array_equal(alone.image, together.image)
    np.testing.assert_allclose(alone.score, together.score, atol=1e-5)


def test_no_training_image_with_a_mask(inputs, tmp_path):
    inputs.source.n_train = 0
    with pytest.raises(InputError, match="nothing to learn from"):
        run(TINY, inputs, tmp_path, Silent())


def test_clusters_of_other_masks(inputs, tmp_path):
    masks = MaskStore.open(inputs.artifacts["mine"] / "masks.zarr")
    masks.select(masks.image < 3).save(inputs.artifacts["mine"] / "masks.zarr")
    with pytest.raises(CorruptArtifact, match="6 clusters for 3 masks"):
        run(TINY, inputs, tmp_path, Silent())


def test_image_that_changed_is_named(inputs, tmp_path):
    inputs.source.mask = lambda index: np.ones((5, 5), dtype=bool)
    inputs.source.read = lambda index: np.zeros((5, 5, 3), dtype=np.uint8)
    with pytest.raises(MaskDistillError, match=r"photo\d is 5 x 5 px and was .*run the mine stage again"):
        run(TINY, inputs, tmp_path, Silent())


def test_backbone_with_weights_is_frozen_in_part(tmp_path):
    torch.save(build_resnet("resnet18", None).state_dict(), tmp_path / "r18.pth")
    path = str(tmp_path / "r18.pth")
    given = TorchvisionDetector(TINY.model_copy(update={"weights": path}), 2, path).module.backbone
    learns = {name.split(".")[1] for name, p in given.body.named_parameters(prefix="b") if p.requires_grad}
    assert learns == {"layer2", "layer3", "layer4"}
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in given.modules())
    free = TorchvisionDetector(TINY, 2, None).module.backbone
    assert all(parameter.requires_grad for parameter in free.parameters())


def test_boxes_span_whole_pixels():
    masks = torch.zeros(3, 4, 6, dtype=torch.bool)
    masks[0, 1, 2] = True
    masks[1] = True
    masks[2, 1:3, 4:6] = True
    assert boxes_of(masks).tolist() == [[2, 1, 3, 2], [0, 0, 6, 4], [4, 1, 6, 3]]
    assert boxes_of(masks[:0]).shape == (0, 4)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 20), st.integers(1, 20), st.integers(0, 99))
def test_no_mask_is_lost_in_resizing(height, width, new_height, new_width, seed):
    generator = np.random.default_rng(seed)
    masks = np.zeros((3, height, width), dtype=bool)
    masks[np.arange(3), generator.integers(height, size=3), generator.integers(width, size=3)] = True
    small = resize_masks(masks, (new_height, new_width))
    assert small.shape == (3, new_height, new_width)
    assert small.flatten(1).any(dim=1).all()
    boxes = boxes_of(small)
    assert (boxes[:, 2:] > boxes[:, :2]).all()


@pytest.mark.parametrize(
    ("size_hw", "expected"),
    [((100, 200), (50, 100)), ((200, 100), (100, 50)), ((10, 200), (6, 120)), ((1, 1), (50, 50)), ((1, 900), (1, 120))],
)
def test_resized_size(size_hw, expected):
    assert resized_hw(size_hw, 50, 120) == expected


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_flip_takes_masks_and_boxes_along(flip):
    mask = np.zeros((1, 64, 64), dtype=bool)
    mask[0, 10:20, 5:15] = True
    pixels = np.repeat(mask[0, :, :, None] * np.uint8(200), 3, axis=2)
    config = TINY.model_copy(update={"flip": flip, "color_jitter": 0.0})
    image, target = augment(pixels, mask, np.array([1], dtype=np.int32), config)
    assert torch.equal(image[0] > 100, target["masks"][0])
    left = 49 if flip else 5
    assert target["boxes_xyxy"].tolist() == [[left, 10, left + 10, 20]]
    assert target["clusters"].tolist() == [1]


def test_batches_of_one_shape():
    batches = list(batch_by_shape(["a", "bb", "c", "dd", "e", "ff"], len, 2))
    assert sorted(map(sorted, batches)) == [["a", "c"], ["bb", "dd"], ["e"], ["ff"]]
    assert list(batch_by_shape([], len, 2)) == []


@pytest.mark.parametrize("fields", [{"scale": (2.0, 1.0)}, {"max_size": 600, "image_size": 640}, {"backend": "x"}])
def test_settings_are_checked(fields):
    with pytest.raises(ValueError, match=next(iter(fields))):
        DistillConfig(**fields)
