"""The distill stage with either back end: learning, resume, rounds, masks and images at the edge."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask
from safetensors.torch import load_file

from helpers.detection import CPU, SETTINGS, SIZES_HW, block_of, make_blocks, predict, save_inputs
from helpers.interruption import StopAfter
from helpers.sources import MemorySource
from maskdistill.data.catalog import CANDIDATES, DETECTOR, MINED, TRAINING_LOG
from maskdistill.data.errors import CorruptArtifact, InputError, MaskDistillError
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.dataset import training_data
from maskdistill.stages.distill.stage import load_detector, run
from maskdistill.stages.distill.train import DetectorTraining
from maskdistill.stages.progress import Silent
from maskdistill.stages.training.samples import SampleStream
from maskdistill.stages.weights import UNTRAINED, WeightsSource


def test_learns_predicts_and_reloads(tiny: DistillConfig, inputs: StageInputs, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    outputs = run(tiny, inputs, work, Silent())
    candidates = MaskStore.open(work / CANDIDATES.file)
    assert candidates.image_ids == inputs.source.ids
    for image in range(inputs.source.n_train):
        rows = candidates.rows_of(image)
        assert np.all(np.diff(candidates.score[rows.start : rows.stop]) <= 0)
        truth = coco_mask.encode(np.asfortranarray(block_of(image), dtype=np.uint8))
        assert coco_mask.iou([candidates.rle(rows.start)], [truth], [0])[0, 0] > 0.6
        assert candidates.cluster[rows.start] == image % 2
        assert candidates.size_hw[rows.start].tolist() == list(SIZES_HW[image])
    assert sum(outputs.metrics["score_histogram"]) == outputs.items == len(candidates)
    assert outputs.metrics["backend"] == tiny.backend
    assert {"loss", "loss_mask", "loss_classifier", "loss_objectness"} <= set(outputs.metrics["losses"])
    assert {path.name for path in work.iterdir()} - {"tensorboard"} == {
        CANDIDATES.file, DETECTOR.file, TRAINING_LOG}  # fmt: skip
    again = predict(load_detector(work / DETECTOR.file, CPU), inputs.source, ["photo1"])
    np.testing.assert_allclose(again.score, candidates.select(candidates.image == 1).score, atol=1e-6)


def test_a_trained_detector_needs_the_weights_of_its_vit_no_more(
    vit_settings: DistillConfig, inputs: StageInputs, tmp_path: Path
) -> None:
    config = vit_settings.model_copy(update={"iterations": 1, "min_score": 0.0})
    run(config, inputs, tmp_path, Silent())
    config.files()["weights"].unlink()
    again = predict(load_detector(tmp_path / DETECTOR.file, CPU), inputs.source, ["photo1"])
    first = MaskStore.open(tmp_path / CANDIDATES.file)
    np.testing.assert_allclose(again.score, first.select(first.image == 1).score, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": WeightsSource.parse("nowhere.pth")}, r"distill\.weights: nowhere\.pth: there is no such file"),
        ({"weights": UNTRAINED, "vit": {"model": "vit_tiny"}}, r"distill\.vit\.model: timm knows no 'vit_tiny'"),
        ({"vit": {"model": "-", "freeze": 3}}, r"distill\.vit\.freeze: 3 is more than the 2 blocks"),
        ({"vit": {}}, r"distill\.vit\.model, distill\.weights: must be set"),
    ],
)
def test_a_vit_that_cannot_be_had(
    vit_settings: DistillConfig, inputs: StageInputs, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    config = DistillConfig.model_validate({**vit_settings.model_dump(), **changes})
    with pytest.raises(InputError, match=message):
        run(config, inputs, tmp_path, Silent())


@pytest.mark.parametrize("extra", [{}, {"copy_paste": 0.5, "ignore_unmatched": 0.05}], ids=["plain", "extras"])
def test_killed_and_resumed_is_identical(
    tiny: DistillConfig, inputs: StageInputs, tmp_path: Path, extra: dict[str, float]
) -> None:
    # bf16 where the hardware computes it; test_trainer.py resumes in each precision, emulated or not.
    config = tiny.model_copy(update={"iterations": 4, "precision": "auto", "scale": (0.8, 1.2), **extra})
    inputs = replace(inputs, execution=ExecutionConfig(device="cpu", checkpoint_seconds=0))
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    run(config, inputs, tmp_path / "whole", Silent())
    with pytest.raises(KeyboardInterrupt):
        run(config, inputs, tmp_path / "killed", StopAfter(2))
    run(config, inputs, tmp_path / "killed", Silent())
    for name in (DETECTOR.file, TRAINING_LOG):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()


def test_second_round_learns_from_the_first_and_resumes(
    settings: DistillConfig, inputs: StageInputs, tmp_path: Path
) -> None:
    config = settings.model_copy(update={"iterations": 3, "rounds": 2, "round_score": 0.0, "min_score": 0.0})
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    run(config, inputs, tmp_path / "whole", Silent())
    with pytest.raises(KeyboardInterrupt):
        # Three steps and six images in the first round, then into the second.
        run(config, inputs, tmp_path / "killed", StopAfter(11))
    run(config, inputs, tmp_path / "killed", Silent())
    for name in (f"round1/{DETECTOR.file}", DETECTOR.file, TRAINING_LOG):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()
    assert {path.name for path in (tmp_path / "whole" / "round1").iterdir()} - {"tensorboard"} == {
        CANDIDATES.file, DETECTOR.file, TRAINING_LOG}  # fmt: skip
    first, second = (load_file(tmp_path / "whole" / name / DETECTOR.file) for name in ("round1", "."))
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_every_round_draws_another_order(blocks: MemorySource, inputs: StageInputs, tmp_path: Path) -> None:
    config = SETTINGS.model_copy(update={"iterations": 6, "rounds": 2, "round_score": 1.0})
    run(config, inputs, tmp_path, Silent())
    n_samples, n_images = 6 * config.batch_size, len(blocks)
    reads = list(blocks.reads)
    assert len(reads) == 2 * (n_samples + n_images)
    first, second = reads[:n_samples], reads[n_samples + n_images :][:n_samples]
    assert first != second
    blocks.reads.clear()
    (tmp_path / "once").mkdir()
    run(config.model_copy(update={"rounds": 1}), inputs, tmp_path / "once", Silent())
    assert blocks.reads[:n_samples] == first  # the first of several rounds is that of a single training


def test_every_round_draws_other_augmentations(inputs: StageInputs) -> None:
    config = SETTINGS.model_copy(update={"color_jitter": 0.5, "batch_size": 1})
    data = training_data(inputs.source, MINED.open(inputs.artifacts), config)
    seeds = [DetectorTraining(config, inputs, Path(), 2, None, number).seed for number in (1, 2)]
    first, second = (dict(SampleStream(len(data), data.load, seed)[number] for number in range(4)) for seed in seeds)
    assert first.keys() == second.keys()
    assert not any(torch.equal(first[name][0], second[name][0]) for name in first)


def test_class_agnostic_detector_takes_clusters_from_the_mined_masks(
    tiny: DistillConfig, inputs: StageInputs, tmp_path: Path
) -> None:
    run(tiny.model_copy(update={"class_agnostic": True}), inputs, tmp_path, Silent())
    candidates = MaskStore.open(tmp_path / CANDIDATES.file)
    assert set(np.unique(candidates.image)) >= set(range(inputs.source.n_train))
    assert np.array_equal(candidates.cluster, candidates.image % 2)


ODD_SIZES_HW = [(1, 1), (90, 70), (64, 64), (3, 200), (500, 400)]


def odd_masks() -> MaskStore:
    """All of each image, one pixel, and one row."""
    builder = MaskStoreBuilder()
    for number, size_hw in enumerate(ODD_SIZES_HW):
        masks = np.zeros((3, *size_hw), dtype=bool)
        masks[0] = True
        masks[1, -1, -1] = True
        masks[2, 0, :] = True
        builder.add(f"odd{number}", masks)
    return builder.build()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_odd_masks_and_images_break_nothing(tiny: DistillConfig, tmp_path: Path, precision: str) -> None:
    """At the edge of what a detector can take; of the eight clusters, the last has one mask."""
    source = MemorySource({f"odd{i}": np.full((*hw, 3), 90, dtype=np.uint8) for i, hw in enumerate(ODD_SIZES_HW)})
    inputs = StageInputs(source, save_inputs(tmp_path, odd_masks(), k=8), execution=ExecutionConfig(device="cpu"))
    # One step in bf16, as a step takes a CPU that emulates it many times as long.
    extra = {"flip_prediction": True, "copy_paste": 0.5} if precision == "fp32" else {"iterations": 1}
    config = tiny.model_copy(
        update={"iterations": 2, "batch_size": 5, "precision": precision, "min_score": 0.0, **extra}
    )
    outputs = run(config, inputs, tmp_path, Silent())
    assert np.isfinite(outputs.metrics["losses"]["loss"])
    candidates = MaskStore.open(tmp_path / CANDIDATES.file)
    assert len(candidates)
    assert np.bincount(candidates.image).max() <= config.max_candidates
    sizes = np.asarray(ODD_SIZES_HW)[candidates.image]
    assert np.array_equal(candidates.size_hw, sizes)


def test_loss_that_is_not_finite_names_iteration_and_images(
    tiny: DistillConfig, inputs: StageInputs, tmp_path: Path
) -> None:
    with pytest.raises(MaskDistillError, match=r"iteration \d+ .*loss_mask.*images photo\d, photo\d"):
        run(tiny.model_copy(update={"lr": 1e30, "warmup_iterations": 0, "clip": None}), inputs, tmp_path, Silent())


def test_no_training_image_with_a_mask(inputs: StageInputs, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to learn from"):
        run(SETTINGS, replace(inputs, source=make_blocks(n_train=0)), tmp_path, Silent())


def test_clusters_of_other_masks(inputs: StageInputs, tmp_path: Path) -> None:
    masks = MINED.open(inputs.artifacts)
    masks.select(masks.image < 3).save(MINED.path(inputs.artifacts))
    with pytest.raises(CorruptArtifact, match="6 clusters for 3 masks"):
        run(SETTINGS, inputs, tmp_path, Silent())


def test_image_that_changed_is_named(inputs: StageInputs, tmp_path: Path) -> None:
    shrunk = MemorySource({image_id: np.zeros((5, 5, 3), dtype=np.uint8) for image_id in inputs.source.ids})
    with pytest.raises(MaskDistillError, match=r"photo\d is 5 x 5 px and was .*run the mine stage again"):
        run(SETTINGS, replace(inputs, source=shrunk), tmp_path, Silent())
