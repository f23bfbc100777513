"""The segmenter in two processes on the CPU."""

from pathlib import Path

from helpers.segmentation import segment_inputs
from maskdistill.data.catalog import PREDICTIONS, TRAINING_LOG
from maskdistill.data.config import ScenesConfig
from maskdistill.data.sources.scenes.source import SceneSource
from maskdistill.data.stores.labels import LabelStore
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.progress import Silent
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.stage import run

TWO = ExecutionConfig(device="cpu", devices=2, checkpoint_seconds=0)


def test_segmenter_trains_in_two_processes(tmp_path: Path) -> None:
    source = SceneSource(ScenesConfig(kind="scenes", n_train=4, n_val=0, size=32))
    inputs = segment_inputs(tmp_path, source, TWO, k=8)
    config = SegmentConfig(backbone="resnet18", output_stride=16, crop=32, iterations=2, batch_size=4)
    work = tmp_path / "work"
    work.mkdir()
    outputs = run(config, inputs, work, Silent())
    assert outputs.items == len(LabelStore.open(work / PREDICTIONS.file)) == 4
    assert len((work / TRAINING_LOG).read_text().splitlines()) == 2
