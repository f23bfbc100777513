"""The distill stage with either back end: learning, predictions, resume, masks and images at the edge."""

import copy

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask
from safetensors.torch import load_file

from maskdistill.data.errors import CorruptArtifact, InputError, MaskDistillError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.distill import train
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.build import create_detector
from maskdistill.stages.distill.detectors.detector import Detector, Target
from maskdistill.stages.distill.geometry import boxes_of
from maskdistill.stages.distill.predict import predict_part
from maskdistill.stages.distill.stage import load_detector, run
from maskdistill.stages.networks.resnet import build_resnet
from maskdistill.stages.progress import Silent
from maskdistill.stages.training.samples import SampleStream

CPU = torch.device("cpu")
SETTINGS = DistillConfig(
    backend="torchvision",
    backbone="resnet18",
    heads="slim",
    image_size=64,
    max_size=128,
    scale=(1.0, 1.0),
    iterations=50,
    batch_size=2,
    lr=1e-3,
    optimizer="adamw",
    warmup_iterations=10,
    schedule="cosine",
    precision="fp32",
)


@pytest.fixture
def tiny(backend) -> DistillConfig:
    """Settings that learn in seconds, for each back end."""
    return SETTINGS.model_copy(update={"backend": backend})


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


def test_learns_predicts_and_reloads(tiny, inputs, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    outputs = run(tiny, inputs, work, Silent())
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
    assert outputs.metrics["backend"] == tiny.backend
    assert {"loss", "loss_mask", "loss_classifier", "loss_objectness"} <= set(outputs.metrics["losses"])
    assert {path.name for path in work.iterdir()} - {"tensorboard"} == {
        "candidates.zarr", "detector.safetensors", "training.jsonl"}  # fmt: skip
    again = predict(load_detector(work / "detector.safetensors", CPU), inputs.source, ["photo1"])
    np.testing.assert_allclose(again.score, candidates.select(candidates.image == 1).score, atol=1e-6)


def predict(detector: Detector, source: ImageSource, ids: list[str], batch_size: int = 4) -> MaskStore:
    return predict_part(detector, source, ids, SETTINGS, batch_size, CPU, lambda n: None)


@pytest.mark.parametrize("extra", [{}, {"copy_paste": 0.5, "ignore_unmatched": 0.05}], ids=["plain", "extras"])
def test_killed_and_resumed_is_identical(tiny, inputs, tmp_path, stop_at, extra):
    # bf16 where the hardware computes it; test_training.py resumes in each precision, emulated or not.
    config = tiny.model_copy(update={"iterations": 4, "precision": "auto", "scale": (0.8, 1.2), **extra})
    inputs = StageInputs(inputs.source, inputs.artifacts, 2, ExecutionConfig(device="cpu", checkpoint_seconds=0))
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    run(config, inputs, tmp_path / "whole", Silent())
    with pytest.raises(KeyboardInterrupt):
        run(config, inputs, tmp_path / "killed", stop_at(2))
    run(config, inputs, tmp_path / "killed", Silent())
    for name in ("detector.safetensors", "training.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()


def test_second_round_learns_from_the_first_and_resumes(inputs, tmp_path, stop_at):
    config = SETTINGS.model_copy(update={"iterations": 3, "rounds": 2, "round_score": 0.0, "min_score": 0.0})
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    run(config, inputs, tmp_path / "whole", Silent())
    with pytest.raises(KeyboardInterrupt):
        # Three steps and six images in the first round, then into the second.
        run(config, inputs, tmp_path / "killed", stop_at(11))
    run(config, inputs, tmp_path / "killed", Silent())
    for name in ("round1/detector.safetensors", "detector.safetensors", "training.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "whole" / "round1").iterdir() if path.name != "tensorboard") == [
        "candidates.zarr", "detector.safetensors", "training.jsonl"]  # fmt: skip
    first, second = (load_file(tmp_path / "whole" / name / "detector.safetensors") for name in ("round1", "."))
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_every_round_draws_another_order_and_other_augmentations(inputs, tmp_path, monkeypatch):
    drawn = []

    class Recorded(SampleStream):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            drawn.append([self[number] for number in range(12)])

    monkeypatch.setattr(train, "SampleStream", Recorded)
    config = SETTINGS.model_copy(update={"iterations": 1, "rounds": 2, "round_score": 1.0, "color_jitter": 0.5})
    run(config, inputs, tmp_path, Silent())
    (tmp_path / "once").mkdir()
    run(config.model_copy(update={"rounds": 1}), inputs, tmp_path / "once", Silent())
    first, second, alone = drawn
    assert [image_id for image_id, _ in first] != [image_id for image_id, _ in second]
    # Of the same photo, the first sample is another one.
    photo, (image, _) = first[0]
    (other, _), *_ = (contents for image_id, contents in second if image_id == photo)
    assert not torch.equal(image, other)
    # The first of several rounds is the one of a single training.
    assert all(torch.equal(one[1][0], two[1][0]) for one, two in zip(first, alone, strict=True))


def test_class_agnostic_detector_takes_clusters_from_the_mined_masks(tiny, inputs, tmp_path):
    run(tiny.model_copy(update={"class_agnostic": True}), inputs, tmp_path, Silent())
    candidates = MaskStore.open(tmp_path / "candidates.zarr")
    assert set(np.unique(candidates.image)) >= set(range(inputs.source.n_train))
    assert np.array_equal(candidates.cluster, candidates.image % 2)


class Odd(ImageSource):
    """Images and masks at the edge of what a detector can take; cluster 7 has one mask."""

    sizes_hw = ((1, 1), (90, 70), (64, 64), (3, 200), (500, 400))

    def __init__(self) -> None:
        self.ids = tuple(f"odd{i}" for i in range(len(self.sizes_hw)))
        self.n_train = len(self.ids)

    def fingerprint(self) -> str:
        return "odd"

    def read(self, index: int) -> np.ndarray:
        return np.full((*self.sizes_hw[index], 3), 90, dtype=np.uint8)

    def masks(self) -> MaskStore:
        """All of the image, one pixel, and one row."""
        builder = MaskStoreBuilder()
        for image_id, size_hw in zip(self.ids, self.sizes_hw, strict=True):
            masks = np.zeros((3, *size_hw), dtype=bool)
            masks[0] = True
            masks[1, -1, -1] = True
            masks[2, 0, :] = True
            builder.add(image_id, masks)
        return builder.build()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_odd_masks_and_images_break_nothing(tiny, tmp_path, precision):
    source = Odd()
    inputs = StageInputs(source, save_inputs(tmp_path, source.masks(), k=8), execution=ExecutionConfig(device="cpu"))
    # One step in bf16, as a step takes a CPU that emulates it many times as long.
    extra = {"flip_prediction": True, "copy_paste": 0.5} if precision == "fp32" else {"iterations": 1}
    config = tiny.model_copy(
        update={"iterations": 2, "batch_size": 5, "precision": precision, "min_score": 0.0, **extra}
    )
    outputs = run(config, inputs, tmp_path, Silent())
    assert np.isfinite(outputs.metrics["losses"]["loss"])
    candidates = MaskStore.open(tmp_path / "candidates.zarr")
    assert len(candidates)
    assert np.bincount(candidates.image).max() <= config.max_candidates
    sizes = np.asarray(source.sizes_hw)[candidates.image]
    assert np.array_equal(candidates.size_hw, sizes)


def target_of(*masks: np.ndarray) -> Target:
    stacked = torch.from_numpy(np.stack(masks)) if masks else torch.zeros((0, 64, 64), dtype=torch.bool)
    return Target(boxes_xyxy=boxes_of(stacked), clusters=torch.zeros(len(masks), dtype=torch.int64), masks=stacked)


@pytest.mark.parametrize("ignore_unmatched", [0.0, 0.1])
def test_image_without_masks_trains(tiny, ignore_unmatched):
    detector = create_detector(tiny.model_copy(update={"ignore_unmatched": ignore_unmatched}), 2, None)
    detector.module.train()
    images = [torch.zeros((3, 64, 64), dtype=torch.uint8)] * 2
    losses = detector.losses(images, [target_of(), target_of(np.eye(64, dtype=bool))])
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    alone = detector.losses(images, [target_of(), target_of()])
    assert all(torch.isfinite(loss) for loss in alone.values())


def test_unmatched_regions_have_no_say(tiny):
    """With a threshold, what happens far from the mask must not reach the classifier's loss."""

    def gradient_far_away(threshold: float) -> float:
        torch.manual_seed(3)
        config = tiny.model_copy(update={"ignore_unmatched": threshold})
        detector = create_detector(config, 2, None)
        detector.module.train()
        # Fixed statistics: batch norm would let every pixel reach every other.
        for module in detector.module.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
        mask = np.zeros((512, 512), dtype=bool)
        mask[8:40, 8:40] = True
        noise = torch.nn.Parameter(torch.rand(3, 512, 512) * 255)
        losses = detector.losses([noise], [target_of(mask)])
        (losses["loss_objectness"] + losses["loss_classifier"]).backward()
        return float(noise.grad[:, 400:, 400:].abs().sum())

    assert gradient_far_away(0.0) > 0
    assert gradient_far_away(0.3) == 0


def test_loss_that_is_not_finite_names_iteration_and_images(tiny, inputs, tmp_path):
    with pytest.raises(MaskDistillError, match=r"iteration \d+ .*loss_mask.*images photo\d, photo\d"):
        run(tiny.model_copy(update={"lr": 1e30, "warmup_iterations": 0, "clip": None}), inputs, tmp_path, Silent())


def test_prediction_does_not_depend_on_the_batch(tiny, inputs):
    torch.manual_seed(0)
    detector = create_detector(tiny.model_copy(update={"min_score": 0.0}), 2, None)
    detector.module.eval()
    ids = list(inputs.source.ids)
    alone, together = (predict(detector, inputs.source, ids, batch_size) for batch_size in (1, 6))
    assert len(alone) > 20
    np.testing.assert_array_equal(alone.image, together.image)
    np.testing.assert_allclose(alone.score, together.score, atol=1e-5)


def test_prediction_does_not_depend_on_the_first_image(tiny, inputs):
    torch.manual_seed(0)
    detector = create_detector(tiny.model_copy(update={"min_score": 0.0}), 2, None)
    detector.module.eval()
    image = torch.from_numpy(inputs.source.read(0)).permute(2, 0, 1)
    untouched = copy.deepcopy(detector)
    with torch.inference_mode():
        # Padded to many times its height.
        detector.detect([torch.zeros((3, 3, 200), dtype=torch.uint8)])
        expected, found = untouched.detect([image])[0], detector.detect([image])[0]
    np.testing.assert_array_equal(found.boxes_xyxy, expected.boxes_xyxy)
    np.testing.assert_array_equal(found.masks, expected.masks)


def test_no_training_image_with_a_mask(inputs, tmp_path):
    inputs.source.n_train = 0
    with pytest.raises(InputError, match="nothing to learn from"):
        run(SETTINGS, inputs, tmp_path, Silent())


def test_clusters_of_other_masks(inputs, tmp_path):
    masks = MaskStore.open(inputs.artifacts["mine"] / "masks.zarr")
    masks.select(masks.image < 3).save(inputs.artifacts["mine"] / "masks.zarr")
    with pytest.raises(CorruptArtifact, match="6 clusters for 3 masks"):
        run(SETTINGS, inputs, tmp_path, Silent())


def test_image_that_changed_is_named(inputs, tmp_path):
    inputs.source.mask = lambda index: np.ones((5, 5), dtype=bool)
    inputs.source.read = lambda index: np.zeros((5, 5, 3), dtype=np.uint8)
    with pytest.raises(MaskDistillError, match=r"photo\d is 5 x 5 px and was .*run the mine stage again"):
        run(SETTINGS, inputs, tmp_path, Silent())


def test_backbone_with_weights_is_frozen_in_part(tiny, tmp_path):
    path = str(tmp_path / "r18.pth")
    torch.save(build_resnet("resnet18", None).state_dict(), path)
    given = create_detector(tiny.model_copy(update={"weights": path}), 2, path).module
    fixed = {name.split(".")[1] for name, p in given.backbone.named_parameters() if not p.requires_grad}
    assert fixed <= {"conv1", "layer1", "stem", "res2"} and len(fixed) == 2
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in given.modules())
    free = create_detector(tiny, 2, None).module.backbone
    assert all(parameter.requires_grad for parameter in free.parameters())


@pytest.mark.parametrize(
    "fields",
    [{"scale": (2.0, 1.0)}, {"max_size": 600, "image_size": 640}, {"backend": "x"}, {"detectron2": {"neck": "c4"}}],
)
def test_settings_are_checked(fields):
    with pytest.raises(ValueError, match=next(iter(fields))):
        DistillConfig.model_validate(fields)


def test_auto_is_what_is_installed():
    assert DistillConfig().resolved(installed=True).backend == "detectron2"
    assert DistillConfig().resolved(installed=False).backend == "torchvision"
    assert DistillConfig(backend="torchvision").resolved(installed=True).backend == "torchvision"
    with pytest.raises(InputError, match=r"distill\.backend: detectron2 .*not on PyPI.*distill\.backend=torchvision"):
        DistillConfig(backend="detectron2").resolved(installed=False)
