"""The metrics of every stage on images whose truth is known."""

from pathlib import Path

import numpy as np
import pytest

from helpers.clusters import save_clusters
from helpers.sources import BlobSource
from helpers.true_artifacts import BlobObjects, label_map, object_mask, save_masks
from maskdistill.data.arrays import IGNORE, UInt8Array
from maskdistill.data.catalog import CLUSTERS, MINED, PREDICTIONS, PREDICTIONS_CRF
from maskdistill.data.stores.labels import write_labels
from maskdistill.stages.evaluate.config import EvaluateConfig
from maskdistill.stages.evaluate.metrics import METRICS, scalar_names
from maskdistill.stages.evaluate.stage import evaluate
from maskdistill.stages.progress import Silent

ALL = EvaluateConfig()


@pytest.mark.parametrize("stage", ["mine", "cluster", "filter", "segment"])
def test_the_truth_under_other_ids_scores_one(stage: str, perfect: dict[str, Path]) -> None:
    metrics = evaluate(ALL, stage, BlobObjects(), perfect, Silent())
    assert list(metrics) == ["train", "val"]
    expected = {name for name, metric in METRICS.items() if stage in metric.stages and not name.endswith("_crf")}
    expected.discard("miou_majority")
    scalars = expected.intersection(scalar_names())
    for split in metrics.values():
        assert set(split) == expected
        # pycocotools divides by a hair more than the number of masks.
        assert {name: split[name] for name in scalars} == pytest.approx(dict.fromkeys(scalars, 1.0))
        if stage != "mine":
            assert split["iou_per_class"] == {"background": 1.0, "red": 1.0, "green": 1.0}
            assert split["class_of_cluster"] == {"0": "green", "1": "red"}


def test_candidates_are_scored_by_what_they_are_worth(perfect: dict[str, Path]) -> None:
    metrics = evaluate(ALL, "distill", BlobObjects(), perfect, Silent())["train"]
    # The second candidate of each image is wrong but less sure, so precision is perfect down to full recall.
    assert [metrics[name] for name in ("ap50", "ap50_agnostic", "ap_single", "corloc")] == pytest.approx([1, 1, 1, 1])
    low, high = metrics["reliability"]
    expected = {"candidates": 4, "score": pytest.approx(0.3), "precision": 0.0, "ap50": 0.0, "low": 0.3, "high": 0.4}
    assert low == expected
    assert (high["low"], high["candidates"], high["precision"], high["ap50"]) == (0.8, 4, 1.0, 1.0)
    assert metrics["calibration_error"] == pytest.approx((0.3 + 0.2) / 2)


def test_confusion_and_ranking_of_images(tiny_source: BlobSource, perfect: dict[str, Path]) -> None:
    def predicted(i: int) -> UInt8Array:
        prediction = object_mask(tiny_source, i) * np.uint8(2 - i % 2)
        return np.zeros_like(prediction) if i == 2 else prediction

    write_labels(PREDICTIONS.path(perfect), [(tiny_source.ids[i], predicted(i)) for i in range(6)])
    metrics = evaluate(ALL, "segment", tiny_source, perfect, Silent())["train"]
    area = 26 * 30
    background = sum(int((label_map(tiny_source, i) == 0).sum()) for i in range(4))
    assert metrics["confusion"] == {
        "classes": ["background", "red", "green"],
        "px": [[background, 0, 0, 0], [area, area, 0, 0], [0, 0, 2 * area, 0]],
    }
    counted = int((label_map(tiny_source, 2) != IGNORE).sum())
    assert metrics["worst_images"][0]["image"] == "blob2"
    assert metrics["worst_images"][0]["miou"] == pytest.approx((1 - area / counted) / 2)
    assert [one["miou"] for one in metrics["best_images"]][:3] == [1.0, 1.0, 1.0]


def test_predictions_after_the_crf_are_scored_beside_the_others(
    tiny_source: BlobSource, perfect: dict[str, Path]
) -> None:
    nothing = [(tiny_source.ids[i], np.zeros_like(label_map(tiny_source, i))) for i in range(6)]
    plain = evaluate(ALL, "segment", tiny_source, perfect, Silent())["val"]
    PREDICTIONS.path(perfect).rename(PREDICTIONS_CRF.path(perfect))
    write_labels(PREDICTIONS.path(perfect), nothing)
    metrics = evaluate(ALL, "segment", tiny_source, perfect, Silent())["val"]
    assert metrics["miou"] < 0.5
    for name in ("miou", "pixel_accuracy", "boundary_iou"):
        assert metrics[f"{name}_crf"] == plain[name] == 1


def test_scores_by_hand_for_half_masks_and_missing_images(tiny_source: BlobSource, tmp_path: Path) -> None:
    halves = []
    for i in range(3):
        mask = object_mask(tiny_source, i)
        x1, _, x2, _ = tiny_source.box_xyxy(i)
        mask[:, x1 + (x2 - x1) // 2 - 2 :] = False
        halves.append((tiny_source.ids[i], mask))
    folders = {"mine": tmp_path / "halves"}
    save_masks(MINED.path(folders), halves)
    metrics = evaluate(ALL, "mine", tiny_source, folders, Silent())
    assert metrics["train"]["foreground_iou"] == pytest.approx(3 * 11 / (4 * 26))
    assert metrics["train"]["corloc"] == 0
    assert metrics["val"] == {"foreground_iou": 0.0, "corloc": 0.0}


def test_more_clusters_than_classes_report_the_majority_too(
    tiny_source: BlobSource, perfect: dict[str, Path], tmp_path: Path
) -> None:
    folders = perfect | {"cluster": tmp_path / "more"}
    save_clusters(CLUSTERS.path(folders), np.asarray([0, 1, 2, 1, 0, 1], dtype=np.int32), 3)
    metrics = evaluate(ALL, "cluster", tiny_source, folders, Silent())["train"]
    assert metrics["miou_majority"] == 1
    assert metrics["miou"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert metrics["purity"] == 1
    assert metrics["nmi"] == pytest.approx(2 * np.log(2) / (np.log(2) + 1.5 * np.log(2)))


def test_classes_that_are_not_scored_are_ignored(tiny_source: BlobSource, perfect: dict[str, Path]) -> None:
    config = EvaluateConfig(classes=("red",))
    metrics = evaluate(config, "segment", tiny_source, perfect, Silent())["train"]
    assert metrics["iou_per_class"] == {"background": 1.0, "red": 1.0}
    assert metrics["pixel_accuracy"] == 1.0
    # Candidates on green objects are neither right nor wrong; those on nothing stay wrong.
    metrics = evaluate(config, "distill", BlobObjects(), perfect, Silent())["train"]
    assert [one["candidates"] for one in metrics["reliability"]] == [4, 2]
    assert metrics["ap50_agnostic"] == 1
