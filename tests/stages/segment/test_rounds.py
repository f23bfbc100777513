"""Self-training rounds of the segment stage: what each learns from, resume, and the CRF in between."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.interruption import StopAfter
from helpers.segmentation import segment_inputs
from helpers.sources import BlobSource
from maskdistill.data.catalog import PREDICTIONS, PREDICTIONS_CRF, PSEUDO_LABELS, SEGMENTER, TRAINING_LOG
from maskdistill.data.stores.labels import LabelStore, write_labels
from maskdistill.stages.contract import ExecutionConfig, StageInputs, StageOutputs
from maskdistill.stages.progress import Progress, Silent
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.crf_config import SegmentCrfConfig
from maskdistill.stages.segment.stage import run

CONFIG = SegmentConfig(
    backbone="resnet18",
    output_stride=16,
    crop=32,
    iterations=2,
    batch_size=2,
    precision="fp32",
    rounds=3,
    crf=SegmentCrfConfig(rounds=True, predictions=True, iterations=2),
)


class Phases(Silent):
    """Remembers what it was told to show."""

    def __init__(self) -> None:
        self.phases: list[tuple[str, int]] = []

    def start(self, phase: str, total: int, unit: str) -> None:
        self.phases.append((phase, total))


@pytest.fixture
def inputs(tmp_path: Path, tiny_source: BlobSource) -> StageInputs:
    """Pseudo-labels that are the truth, on six images of which four are for training."""
    return segment_inputs(tmp_path, tiny_source, ExecutionConfig(device="cpu", part_size=2, checkpoint_seconds=0))


def run_in(folder: Path, config: SegmentConfig, inputs: StageInputs, progress: Progress | None = None) -> StageOutputs:
    folder.mkdir(exist_ok=True)
    return run(config, inputs, folder, progress or Silent())


def contents(folder: Path) -> tuple[list[list[object]], bytes]:
    """Every label map and the weights of a finished stage of two rounds."""
    stores = [f"round1/{PSEUDO_LABELS.file}", PREDICTIONS.file, PREDICTIONS_CRF.file]
    maps = [[LabelStore.open(folder / name).read(i).tolist() for i in range(4)] for name in stores]
    return maps, (folder / SEGMENTER.file).read_bytes()


def test_each_round_learns_from_the_one_before(inputs: StageInputs, tmp_path: Path) -> None:
    outputs = run_in(tmp_path / "work", CONFIG, inputs, phases := Phases())
    assert phases.phases == [
        ("train, round 1", 2), ("predict with CRF", 4), ("train, round 2", 2), ("predict with CRF", 4),
        ("train, round 3", 2), ("predict with CRF", 6)]  # fmt: skip
    assert {path.name for path in (tmp_path / "work").iterdir()} - {"tensorboard"} == {
        PREDICTIONS.file, PREDICTIONS_CRF.file, "round1", "round2", SEGMENTER.file, TRAINING_LOG}  # fmt: skip
    first = LabelStore.open(tmp_path / "work" / "round1" / PSEUDO_LABELS.file)
    assert first.image_ids == inputs.source.ids[:4]
    truth = PSEUDO_LABELS.open(inputs.artifacts)
    pixels = [(first.read(i) != truth.read(i)) for i in range(4)]
    share = sum(int(p.sum()) for p in pixels) / sum(p.size for p in pixels)
    assert outputs.metrics["round 1"]["changed"] == pytest.approx(share)
    lines = (tmp_path / "work" / "round1" / TRAINING_LOG).read_text().splitlines()
    mean = np.mean([json.loads(line)["loss"] for line in lines])
    assert outputs.metrics["round 1"]["losses"]["loss"] == pytest.approx(mean)
    assert 0 <= outputs.metrics["with_crf"]["changed"] <= 1
    assert sum(outputs.metrics["with_crf"]["pixel_share"]) == pytest.approx(1)


def test_second_round_is_a_first_round_on_its_labels(inputs: StageInputs, tmp_path: Path) -> None:
    """The labels of round 1 alone connect the two: neither weights nor the filter's labels are carried over."""
    config = CONFIG.model_copy(update={"rounds": 2, "crf": SegmentCrfConfig()})
    run_in(tmp_path / "two", config, inputs)
    other = replace(inputs, artifacts={**inputs.artifacts, "filter": tmp_path / "other"})
    write_labels(PSEUDO_LABELS.path(other.artifacts), [(name, np.ones((1, 1), np.uint8)) for name in inputs.source.ids])
    (tmp_path / "again").mkdir()
    (tmp_path / "two" / "round1").rename(tmp_path / "again" / "round1")
    run(config, other, tmp_path / "again", Silent())
    weights = [(tmp_path / name / SEGMENTER.file).read_bytes() for name in ("two", "again")]
    assert weights[0] == weights[1]


def test_killed_anywhere_and_resumed_is_identical(inputs: StageInputs, tmp_path: Path) -> None:
    """Two trainings of 2 steps, 4 predictions between them, and 6 at the end: 14 steps."""
    config = CONFIG.model_copy(update={"rounds": 2})
    run_in(tmp_path / "whole", config, inputs)
    expected = contents(tmp_path / "whole")
    for steps in (1, 4, 7, 11, 13):
        folder = tmp_path / f"killed{steps}"
        with pytest.raises(KeyboardInterrupt):
            run_in(folder, config, inputs, StopAfter(steps))
        run_in(folder, config, inputs)
        assert contents(folder) == expected, steps


def test_one_round_without_crf_leaves_what_it_always_left(inputs: StageInputs, tmp_path: Path) -> None:
    outputs = run_in(tmp_path / "work", CONFIG.model_copy(update={"rounds": 1, "crf": SegmentCrfConfig()}), inputs)
    names = {path.name for path in (tmp_path / "work").iterdir()} - {"tensorboard"}
    assert names == {PREDICTIONS.file, SEGMENTER.file, TRAINING_LOG}
    assert sorted(outputs.metrics) == ["losses", "pixel_share"]
