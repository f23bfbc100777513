"""The distill stage with either back end: learning, resume, rounds, masks and images at the edge."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask
from safetensors.torch import load_file

from helpers.detection import CPU, SETTINGS, SIZES_HW, predict, save_inputs
from helpers.interruption import StopAfter
from maskdistill.data.errors import CorruptArtifact, InputError, MaskDistillError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.distill.dataset import training_data
from maskdistill.stages.distill.stage import load_detector, run
from maskdistill.stages.distill.train import DetectorTraining
from maskdistill.stages.progress import Silent
from maskdistill.stages.training.samples import SampleStream


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


@pytest.mark.parametrize("extra", [{}, {"copy_paste": 0.5, "ignore_unmatched": 0.05}], ids=["plain", "extras"])
def test_killed_and_resumed_is_identical(tiny, inputs, tmp_path, extra):
    # bf16 where the hardware computes it; test_training.py resumes in each precision, emulated or not.
    config = tiny.model_copy(update={"iterations": 4, "precision": "auto", "scale": (0.8, 1.2), **extra})
    inputs = StageInputs(inputs.source, inputs.artifacts, 2, ExecutionConfig(device="cpu", checkpoint_seconds=0))
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    run(config, inputs, tmp_path / "whole", Silent())
    with pytest.raises(KeyboardInterrupt):
        run(config, inputs, tmp_path / "killed", StopAfter(2))
    run(config, inputs, tmp_path / "killed", Silent())
    for name in ("detector.safetensors", "training.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()


def test_second_round_learns_from_the_first_and_resumes(inputs, tmp_path):
    config = SETTINGS.model_copy(update={"iterations": 3, "rounds": 2, "round_score": 0.0, "min_score": 0.0})
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    run(config, inputs, tmp_path / "whole", Silent())
    with pytest.raises(KeyboardInterrupt):
        # Three steps and six images in the first round, then into the second.
        run(config, inputs, tmp_path / "killed", StopAfter(11))
    run(config, inputs, tmp_path / "killed", Silent())
    for name in ("round1/detector.safetensors", "detector.safetensors", "training.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "whole" / "round1").iterdir() if path.name != "tensorboard") == [
        "candidates.zarr", "detector.safetensors", "training.jsonl"]  # fmt: skip
    first, second = (load_file(tmp_path / "whole" / name / "detector.safetensors") for name in ("round1", "."))
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_every_round_draws_another_order(inputs, tmp_path):
    config = SETTINGS.model_copy(update={"iterations": 6, "rounds": 2, "round_score": 1.0})
    run(config, inputs, tmp_path, Silent())
    n_samples, n_images = 6 * config.batch_size, len(inputs.source)
    reads = list(inputs.source.reads)
    assert len(reads) == 2 * (n_samples + n_images)
    first, second = reads[:n_samples], reads[n_samples + n_images :][:n_samples]
    assert first != second
    inputs.source.reads.clear()
    (tmp_path / "once").mkdir()
    run(config.model_copy(update={"rounds": 1}), inputs, tmp_path / "once", Silent())
    assert inputs.source.reads[:n_samples] == first  # the first of several rounds is that of a single training


def test_every_round_draws_other_augmentations(inputs):
    config = SETTINGS.model_copy(update={"color_jitter": 0.5, "batch_size": 1})
    data = training_data(inputs.source, MaskStore.open(inputs.artifacts["mine"] / "masks.zarr"), config)
    seeds = [DetectorTraining(config, inputs, Path(), 2, None, number).seed for number in (1, 2)]
    first, second = (dict(SampleStream(len(data), data.load, seed)[number] for number in range(4)) for seed in seeds)
    assert first.keys() == second.keys()
    assert not any(torch.equal(first[name][0], second[name][0]) for name in first)


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


def test_loss_that_is_not_finite_names_iteration_and_images(tiny, inputs, tmp_path):
    with pytest.raises(MaskDistillError, match=r"iteration \d+ .*loss_mask.*images photo\d, photo\d"):
        run(tiny.model_copy(update={"lr": 1e30, "warmup_iterations": 0, "clip": None}), inputs, tmp_path, Silent())


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
