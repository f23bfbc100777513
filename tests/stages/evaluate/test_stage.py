"""Evaluation of a stage's artifact: which splits and classes are scored, what is refused, and what it costs."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from helpers.clusters import save_clusters
from helpers.sources import BlobSource, MemorySource
from helpers.true_artifacts import BlobObjects, save_masks
from maskdistill.data.arrays import UInt8Array
from maskdistill.data.catalog import CLUSTERS, KEPT, MINED, PREDICTIONS, PSEUDO_LABELS
from maskdistill.data.errors import CorruptArtifact, InputError
from maskdistill.data.stores.labels import write_labels
from maskdistill.stages.evaluate.config import EvaluateConfig
from maskdistill.stages.evaluate.metrics import scalar_names
from maskdistill.stages.evaluate.stage import evaluate
from maskdistill.stages.progress import Silent

ALL = EvaluateConfig()


def test_without_ground_truth_it_says_so(tiny_source: BlobSource, perfect: dict[str, Path]) -> None:
    unlabelled = MemorySource({name: tiny_source.read(i) for i, name in enumerate(tiny_source.ids)}, n_train=4)
    for stage in perfect:
        assert evaluate(ALL, stage, unlabelled, perfect, Silent()) == {"status": "no ground truth"}


def test_a_split_without_images_is_left_out_and_all_is_json(perfect: dict[str, Path]) -> None:
    source = BlobObjects(n_images=6, n_train=6)
    for stage in perfect:
        metrics = evaluate(ALL, stage, source, perfect, Silent())
        assert list(metrics) == ["train"]
        json.dumps(metrics, allow_nan=False)
        numbers = {name for name, value in metrics["train"].items() if type(value) is float}
        assert numbers == set(metrics["train"]).intersection(scalar_names())


def test_classes_absent_from_a_split_are_left_out(perfect: dict[str, Path]) -> None:
    metrics = evaluate(ALL, "filter", BlobSource(n_images=5, n_train=4), perfect, Silent())["val"]
    assert metrics["iou_per_class"] == {"background": 1.0, "red": 1.0}
    assert metrics["miou_majority"] == 1.0


def test_sizes_that_do_not_fit_name_the_image(tiny_source: BlobSource, tmp_path: Path) -> None:
    folders = {stage: tmp_path / stage for stage in ("filter", "mine")}
    write_labels(PSEUDO_LABELS.path(folders), [("blob0", np.zeros((3, 3), dtype=np.uint8))])
    for masks in (KEPT, MINED):
        save_masks(masks.path(folders), [(image_id, np.ones((3, 3), dtype=bool)) for image_id in tiny_source.ids])
    for stage in folders:
        with pytest.raises(InputError, match=r"blob0.*\(3, 3\)"):
            evaluate(ALL, stage, tiny_source, folders, Silent())


def test_an_unknown_stage_is_named(tiny_source: BlobSource, perfect: dict[str, Path]) -> None:
    with pytest.raises(InputError, match="'miner'"):
        evaluate(ALL, "miner", tiny_source, perfect, Silent())


def test_clusters_need_the_masks_that_they_are_of(
    tiny_source: BlobSource, perfect: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="artifact of mine"):
        evaluate(ALL, "cluster", tiny_source, {"cluster": perfect["cluster"]}, Silent())
    foreign = perfect | {"cluster": tmp_path / "foreign"}
    save_clusters(CLUSTERS.path(foreign), np.asarray([0, 1], dtype=np.int32), 2)
    with pytest.raises(CorruptArtifact, match="2 clusters for 6 masks"):
        evaluate(ALL, "cluster", tiny_source, foreign, Silent())


def test_an_unknown_class_is_named(tiny_source: BlobSource, perfect: dict[str, Path]) -> None:
    with pytest.raises(InputError, match=r"evaluate\.classes: blue not among .* background, red, green"):
        evaluate(EvaluateConfig(classes=("red", "blue")), "segment", tiny_source, perfect, Silent())


def stripe(index: int) -> UInt8Array:
    labels = np.zeros((300, 300), dtype=np.uint8)
    labels[index % 300] = 1
    return labels


def peak_bytes(folder: Path, n_images: int) -> int:
    """What evaluating so many label maps takes, beside the images and the ground truth."""
    labels = {str(i): stripe(i) for i in range(n_images)}
    source = MemorySource(labels, labels=labels, class_names=("background", "stripe"))
    folders = {"segment": folder}
    write_labels(PREDICTIONS.path(folders), labels.items())
    tracemalloc.start()
    evaluate(ALL, "segment", source, folders, Silent())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_pixels(tmp_path: Path) -> None:
    growth = peak_bytes(tmp_path / "many", 120) - peak_bytes(tmp_path / "few", 40)
    # Two or three chunks of 1 MiB may be in memory at a time, whatever the number of images.
    assert growth < 80 * 300 * 300 / 3, "the 80 more maps are held in memory"
