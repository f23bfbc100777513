"""The segmenter in two processes on the CPU."""

import numpy as np

from maskdistill.data.config import ScenesConfig
from maskdistill.data.sources.scenes.source import SceneSource
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.labels import LabelStore, write_labels
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.progress import Silent
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.stage import run as segment

TWO = ExecutionConfig(device="cpu", devices=2, checkpoint_seconds=0)


def test_segmenter_trains_in_two_processes(tmp_path):
    source = SceneSource(ScenesConfig(kind="scenes", n_train=4, n_val=0, size=32))
    write_labels(tmp_path / "filter" / "labels.zarr", [(i, source.read_labels(n)) for n, i in enumerate(source.ids)])
    zeros = np.zeros((1, 1), dtype=np.float32)
    k = len(source.class_names) - 1
    clusters = ClusterStore(zeros, np.zeros(1, np.int32), zeros[0], np.zeros((k, 1), np.float32), zeros[0])
    clusters.save(tmp_path / "cluster" / "clusters.zarr")
    inputs = StageInputs(source, {name: tmp_path / name for name in ("filter", "cluster")}, execution=TWO)
    config = SegmentConfig(backbone="resnet18", output_stride=16, crop=32, iterations=2, batch_size=4)
    (tmp_path / "work").mkdir()
    outputs = segment(config, inputs, tmp_path / "work", Silent())
    assert outputs.items == len(LabelStore.open(tmp_path / "work" / "predictions.zarr")) == 4
    assert len((tmp_path / "work" / "training.jsonl").read_text().splitlines()) == 2
