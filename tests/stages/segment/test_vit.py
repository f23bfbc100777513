"""A segmenter on a ViT: on stored tokens where it is frozen, else on images."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.interruption import StopAfter
from helpers.segmentation import halves_of, make_halves, segment_inputs
from helpers.stored_features import MODEL, with_features
from maskdistill.data.catalog import FEATURES, PREDICTIONS, SEGMENTER
from maskdistill.data.stores.labels import LabelStore
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.progress import Silent
from maskdistill.stages.registry import HEADS
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.predict import score_images
from maskdistill.stages.segment.stage import run
from maskdistill.stages.segment.stored import answers, score_stored
from maskdistill.stages.segment.train import load_segmenter

SETTINGS: dict[str, Any] = {
    "backbone": "vit",
    "weights": "random",
    "vit": {"model": MODEL, "normalise": "half", "blocks": (1, -1)},
    "head": "linear",
    "image_size": 96,
    "crop": 96,
    "iterations": 60,
    "batch_size": 4,
    "lr": 1e-2,
    "optimizer": "adamw",
    "schedule": "cosine",
    "keep_fraction": 1.0,
    "inference_flip": True,
    "precision": "fp32",
}


def settings(**changes: Any) -> SegmentConfig:
    return SegmentConfig.model_validate({**SETTINGS, **changes})


@pytest.fixture
def inputs(tmp_path: Path) -> StageInputs:
    """Six images, four of them for training, with pseudo-labels that are the truth, and their tokens."""
    plain = segment_inputs(tmp_path, make_halves(), ExecutionConfig(device="cpu", part_size=4))
    return with_features(plain, tmp_path / "features")


def run_into(folder: Path, config: SegmentConfig, inputs: StageInputs) -> LabelStore:
    folder.mkdir()
    run(config, inputs, folder, Silent())
    return LabelStore.open(folder / PREDICTIONS.file)


def test_learns_from_stored_tokens(inputs: StageInputs, tmp_path: Path) -> None:
    predictions = run_into(tmp_path / "work", settings(), inputs)
    assert predictions.image_ids == inputs.source.ids
    right = [(predictions.read(i) == halves_of(i)).mean() for i in (0, 1, 2, 3)]
    assert np.mean(right) > 0.9, right


def test_images_give_the_scores_that_their_stored_tokens_give(inputs: StageInputs, tmp_path: Path) -> None:
    """The file holds the ViT: nothing else is needed to predict an image."""
    config = settings(iterations=5)
    run_into(tmp_path / "work", config, inputs)
    model, read = load_segmenter(tmp_path / "work" / SEGMENTER.file, torch.device("cpu"))
    assert read == config
    ids, device = ["photo0", "photo5"], torch.device("cpu")
    stored = list(score_stored(model, FEATURES.open(inputs.artifacts), inputs.source, ids, config, device))
    of_images = {one.image_id: one for one in score_images(model, inputs.source, ids, config, 2, device)}
    for one in stored:
        for ours, theirs in zip(one.scores, of_images[one.image_id].scores, strict=True):
            assert ours.shape == theirs.shape
            assert (ours - theirs).abs().mean() < 0.05 * ours.std()


@pytest.mark.parametrize("head", list(HEADS.methods))
@pytest.mark.parametrize("upsample", ["bilinear", "learnt"])
def test_every_head_learns_on_the_map(inputs: StageInputs, tmp_path: Path, head: str, upsample: str) -> None:
    config = settings(
        head=head, iterations=2, batch_size=2, vit={**SETTINGS["vit"], "upsample": upsample}, inference_flip=False
    )
    run_into(tmp_path / "work", config, inputs)
    model, _ = load_segmenter(tmp_path / "work" / SEGMENTER.file, torch.device("cpu"))
    logits = model(torch.zeros((1, 3, 96, 128), dtype=torch.uint8))
    assert logits.shape == ((1, 3, 24, 32) if upsample == "learnt" else (1, 3, 6, 8))


def test_killed_and_resumed_is_identical(inputs: StageInputs, tmp_path: Path) -> None:
    config = settings(iterations=4, rounds=2, whole_regions=True, ema=0.9)
    inputs = replace(inputs, execution=ExecutionConfig(device="cpu", checkpoint_seconds=0, part_size=2))
    run_into(tmp_path / "whole", config, inputs)
    (tmp_path / "killed").mkdir()
    for steps in (3, 9):
        with pytest.raises(KeyboardInterrupt):
            run(config, inputs, tmp_path / "killed", StopAfter(steps))
    run(config, inputs, tmp_path / "killed", Silent())
    whole, killed = ((tmp_path / name / SEGMENTER.file).read_bytes() for name in ("whole", "killed"))
    assert whole == killed


def test_a_tuned_vit_learns_from_images(inputs: StageInputs, tmp_path: Path) -> None:
    """Blocks from the tenth on change, those before do not; the stored tokens are not looked at."""
    artifacts = {name: path for name, path in inputs.artifacts.items() if name != "features"}
    config = settings(iterations=2, crop=64, vit={**SETTINGS["vit"], "freeze": 10, "blocks": (-1,)})
    assert "features" not in config.inputs()
    run_into(tmp_path / "work", config, replace(inputs, artifacts=artifacts))
    run_into(tmp_path / "longer", config.model_copy(update={"iterations": 3}), replace(inputs, artifacts=artifacts))
    first, second = (
        load_segmenter(tmp_path / name / SEGMENTER.file, torch.device("cpu"))[0].state_dict()
        for name in ("work", "longer")
    )
    changed = {name for name in first if not torch.equal(first[name], second[name])}
    assert "backbone.tokens.vit.model.blocks.11.mlp.fc2.weight" in changed
    assert "backbone.tokens.vit.model.blocks.9.mlp.fc2.weight" not in changed
    assert {name.split(".")[0] for name in changed} == {"backbone", "head"}


def test_stored_tokens_answer_for_whole_images_at_one_scale(inputs: StageInputs) -> None:
    features = FEATURES.open(inputs.artifacts)
    assert answers(features, settings())
    assert not answers(features, settings(inference_scales=(1.0, 1.5)))
    assert not answers(features, settings(window=64))


def test_two_processes_share_a_training(inputs: StageInputs, tmp_path: Path) -> None:
    two = replace(inputs, execution=ExecutionConfig(device="cpu", devices=2))
    assert len(run_into(tmp_path / "work", settings(iterations=2), two)) == 6
