"""Both back ends learn 32 generated scenes by heart, in one process and in two that share each batch, and resume."""

import contextlib
import io
from pathlib import Path

import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from helpers.clusters import save_clusters
from helpers.interruption import StopAfter
from maskdistill.data.catalog import CANDIDATES, CLUSTERS, DETECTOR, MINED, TRAINING_LOG
from maskdistill.data.coco.export import coco_dict
from maskdistill.data.config import ScenesConfig
from maskdistill.data.sources.scenes.source import SceneSource
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.stage import run
from maskdistill.stages.progress import Silent

ITERATIONS = 200
K = 8
CONFIG = DistillConfig(
    backend="torchvision",
    backbone="resnet18",
    heads="slim",
    image_size=128,
    max_size=128,
    scale=(1.0, 1.0),
    flip=0.0,
    color_jitter=0.0,
    iterations=ITERATIONS,
    batch_size=4,
    lr=1e-3,
    optimizer="adamw",
    warmup_iterations=20,
    schedule="cosine",
)


@pytest.fixture(scope="module")
def scenes() -> tuple[SceneSource, MaskStore]:
    """32 scenes, each object with its mask and its class as cluster."""
    source = SceneSource(ScenesConfig(kind="scenes", n_train=32, n_val=0, size=128, gap=0.05))
    builder = MaskStoreBuilder()
    for index, image_id in enumerate(source.ids):
        objects = source.read_instances(index)
        builder.add_rles(image_id, objects.rles, clusters=objects.class_ids - 1)
    return source, builder.build()


def stage_inputs(scenes: tuple[SceneSource, MaskStore], folder: Path, execution: ExecutionConfig) -> StageInputs:
    """The scenes and their masks as the stage reads them."""
    source, masks = scenes
    artifacts = {name: folder / name for name in ("mine", "cluster")}
    masks.save(MINED.path(artifacts))
    save_clusters(CLUSTERS.path(artifacts), masks.cluster, K)
    return StageInputs(source, artifacts, execution=execution)


def train(scenes: tuple[SceneSource, MaskStore], folder: Path, config: DistillConfig, devices: int = 1) -> float:
    """Mask AP50 on the training images, by the reference implementation of COCO."""
    inputs = stage_inputs(scenes, folder, ExecutionConfig(device="cpu", devices=devices))
    (folder / "work").mkdir()
    run(config, inputs, folder / "work", Silent())
    return average_precision(scenes[1], MaskStore.open(folder / "work" / CANDIDATES.file))


def average_precision(truth: MaskStore, found: MaskStore) -> float:
    sizes = dict.fromkeys(truth.image_ids, (128, 128))
    results = coco_dict(found, sizes)["annotations"]
    for entry, score in zip(results, found.score.tolist(), strict=True):
        entry["score"] = score
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = coco_dict(truth, sizes)
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[1])


@pytest.mark.slow
def test_scenes_are_learned_by_heart(scenes: tuple[SceneSource, MaskStore], tmp_path: Path, backend: str) -> None:
    precision = train(scenes, tmp_path, CONFIG.model_copy(update={"backend": backend}))
    print(f"{backend}: mask AP50 {precision:.3f} after {ITERATIONS} iterations")
    assert precision >= 0.6


@pytest.mark.slow
def test_two_processes_learn_what_one_does(scenes: tuple[SceneSource, MaskStore], tmp_path: Path, backend: str) -> None:
    precision = train(scenes, tmp_path, CONFIG.model_copy(update={"backend": backend}), devices=2)
    print(f"{backend}, two processes: mask AP50 {precision:.3f} after {ITERATIONS} iterations")
    assert precision >= 0.6


@pytest.mark.slow
def test_two_killed_and_resumed_are_bit_identical(
    scenes: tuple[SceneSource, MaskStore], tmp_path: Path, backend: str
) -> None:
    extras = {"copy_paste": 0.5, "ignore_unmatched": 0.01}
    config = CONFIG.model_copy(update={"backend": backend, "iterations": 6, **extras})
    inputs = stage_inputs(scenes, tmp_path, ExecutionConfig(device="cpu", devices=2, checkpoint_seconds=0))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    run(config, inputs, whole, Silent())
    with pytest.raises(KeyboardInterrupt):
        run(config, inputs, killed, StopAfter(3))
    assert 3 <= len((killed / TRAINING_LOG).read_text().splitlines()) < 6
    run(config, inputs, killed, Silent())
    for name in (DETECTOR.file, TRAINING_LOG):
        assert (whole / name).read_bytes() == (killed / name).read_bytes()
