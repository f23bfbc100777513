"""The detector of connected regions, on stored tokens."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.detection import block_inputs, block_of, make_blocks
from helpers.interruption import StopAfter
from helpers.stored_features import MODEL, with_features
from maskdistill.data.catalog import CANDIDATES, DETECTOR, FEATURES
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.detectors.detector import Target
from maskdistill.stages.distill.detectors.regions import RegionDetector, candidates_of
from maskdistill.stages.distill.predict import predict_part
from maskdistill.stages.distill.stage import load_detector, run
from maskdistill.stages.distill.start import find_start
from maskdistill.stages.distill.stored import predict_stored
from maskdistill.stages.progress import Silent

CPU = torch.device("cpu")
SETTINGS: dict[str, Any] = {
    "backend": "regions",
    "backbone": "vit",
    "weights": "random",
    "vit": {"model": MODEL, "normalise": "half"},
    "regions": {"blocks": (1, -1), "crop": 10},
    "image_size": 96,
    "iterations": 60,
    "batch_size": 4,
    "lr": 1e-2,
    "optimizer": "adamw",
    "warmup_iterations": 0,
    "schedule": "cosine",
    "clip": None,
    "precision": "fp32",
}


def settings(**changes: Any) -> DistillConfig:
    return DistillConfig.model_validate({**SETTINGS, **changes})


@pytest.fixture
def inputs(tmp_path: Path) -> StageInputs:
    """Six images of one block each, four of them for training, and their tokens."""
    return with_features(block_inputs(tmp_path, make_blocks()), tmp_path / "features")


def run_into(folder: Path, config: DistillConfig, inputs: StageInputs) -> MaskStore:
    folder.mkdir()
    run(config, inputs, folder, Silent())
    return MaskStore.open(folder / CANDIDATES.file)


def test_finds_the_blocks_that_it_learnt(inputs: StageInputs, tmp_path: Path) -> None:
    found = run_into(tmp_path / "work", settings(), inputs)
    assert found.image_ids == inputs.source.ids
    for image in range(4):
        first = found.rows_of(image)[0]
        mask, truth = found.decode(first), block_of(image)
        assert (mask & truth).sum() / (mask | truth).sum() > 0.5, image
        assert found.cluster[first] == image % 2
        assert 0.5 < found.score[first] <= 1


def test_the_file_alone_finds_in_images_what_stored_tokens_give(inputs: StageInputs, tmp_path: Path) -> None:
    config = settings(iterations=30)
    run_into(tmp_path / "work", config, inputs)
    detector = load_detector(tmp_path / "work" / DETECTOR.file, CPU)
    assert isinstance(detector, RegionDetector)
    ids = ["photo0", "photo1"]
    stored = predict_stored(detector, FEATURES.open(inputs.artifacts), ids, config, CPU, lambda n: None)
    seen = predict_part(detector, inputs.source, ids, config, 2, CPU, lambda n: None)
    for image in range(2):
        ours, theirs = (store.decode(store.rows_of(image)[0]) for store in (stored, seen))
        assert (ours & theirs).sum() / (ours | theirs).sum() > 0.9


def test_killed_and_resumed_is_identical(inputs: StageInputs, tmp_path: Path) -> None:
    config = settings(iterations=4, rounds=2, round_score=0.3, flip_prediction=True)
    inputs = replace(inputs, execution=ExecutionConfig(device="cpu", checkpoint_seconds=0, part_size=2))
    run_into(tmp_path / "whole", config, inputs)
    (tmp_path / "killed").mkdir()
    for steps in (3, 8):
        with pytest.raises(KeyboardInterrupt):
            run(config, inputs, tmp_path / "killed", StopAfter(steps))
    run(config, inputs, tmp_path / "killed", Silent())
    whole, killed = ((tmp_path / name / DETECTOR.file).read_bytes() for name in ("whole", "killed"))
    assert whole == killed


def test_without_classes_candidates_get_those_of_the_masks_that_they_cover(inputs: StageInputs, tmp_path: Path) -> None:
    found = run_into(tmp_path / "work", settings(class_agnostic=True), inputs)
    assert [int(found.cluster[found.rows_of(image)[0]]) for image in range(4)] == [0, 1, 0, 1]


def test_images_teach_what_stored_tokens_teach(inputs: StageInputs) -> None:
    """The loss of an image is that of its tokens, up to how often its labels are repeated."""

    config = settings()
    detector = RegionDetector(config, 2, find_start(config, inputs.artifacts, inputs.seed))
    mask = torch.from_numpy(block_of(0))[None]
    target = Target(boxes_xyxy=torch.zeros((1, 4)), clusters=torch.zeros(1, dtype=torch.int64), masks=mask)
    image = torch.from_numpy(inputs.source.read(0)).permute(2, 0, 1)
    loss = detector.losses([image], [target])["loss"]
    labels = mask.long()
    expected = detector.stored_losses((detector.tokens(image[None]), labels))["loss"]
    assert loss.item() == pytest.approx(expected.item())


def test_candidates_are_the_regions_that_are_large_and_sure_enough() -> None:
    probability = np.zeros((3, 10, 10), dtype=np.float32)
    probability[0] = 1
    probability[:, 0:4, 0:4] = np.array([0.1, 0.2, 0.7])[:, None, None]
    probability[:, 6:9, 6:9] = np.array([0.3, 0.6, 0.1])[:, None, None]
    probability[:, 6:9, 8:9] = np.array([0.3, 0.2, 0.5])[:, None, None]
    probability[:, 9, 0] = (0, 1, 0)
    found = candidates_of(probability, min_area=0.02, min_score=0.1, max_candidates=5)
    assert found.clusters.tolist() == [1, 0]
    assert found.scores == pytest.approx([0.7, (2 * 0.6 + 0.2) / 3])
    assert [int(mask.sum()) for mask in found.masks] == [16, 9]
    assert found.boxes_xyxy.tolist() == [[0, 0, 4, 4], [6, 6, 9, 9]]
    assert len(candidates_of(probability, 0.02, 0.5, 5).scores) == 1
    assert len(candidates_of(probability, 0.0, 0.1, 1).scores) == 1
    empty = candidates_of(probability[:, 9:, 5:], 0.0, 0.0, 5)
    assert empty.masks.shape == (0, 1, 5)
    assert empty.clusters.shape == (0,)


def test_settings_of_boxes_are_no_part_of_the_key() -> None:
    assert not {"heads", "nms", "scale"} & set(settings().used())
    assert "regions" in settings().used()
    assert settings().inputs() == ("mine", "cluster", "features")
