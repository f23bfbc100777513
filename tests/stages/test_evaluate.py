"""Evaluation of every stage's artifact on images whose truth is known."""

import json

import numpy as np
import pytest

from data.clusters import ClusterStore
from data.errors import CorruptArtifact, InputError
from data.images import ImageSource
from data.labels import write_labels
from data.masks import MaskStoreBuilder
from stages.evaluate.config import EvaluateConfig
from stages.evaluate.stage import evaluate
from stages.progress import Silent

ALL = EvaluateConfig()


def save_masks(path, source, masks_of, ids=None, **columns_of):
    builder = MaskStoreBuilder()
    for i in range(len(source)) if ids is None else ids:
        columns = {name: of(i) for name, of in columns_of.items()}
        builder.add(source.ids[i], masks_of(i), **columns)
    builder.build().save(path)


def save_clusters(path, cluster, k):
    m = len(cluster)
    floats = [np.ones(shape, dtype=np.float32) for shape in ((m, 2), (m,), (k, 2), (2,))]
    embedding, distance, centroids, scale = floats
    ClusterStore(embedding, np.asarray(cluster, dtype=np.int32), distance, centroids, scale).save(path)


def truth(source, i):
    return (source.read_labels(i) % 255 > 0)[None]


@pytest.fixture
def perfect(tiny_source, tmp_path):
    """Artifacts that hold the truth, with the two classes swapped in every stage after mining."""
    for stage in ("mine", "cluster", "distill", "filter", "segment"):
        (tmp_path / stage).mkdir()
    swapped = [1 - i % 2 for i in range(6)]
    save_masks(tmp_path / "mine" / "masks.zarr", tiny_source, lambda i: truth(tiny_source, i))
    save_clusters(tmp_path / "cluster" / "clusters.zarr", swapped, 2)
    save_masks(
        tmp_path / "distill" / "candidates.zarr",
        tiny_source,
        lambda i: np.concatenate([truth(tiny_source, i)] * 2),
        scores=lambda i: [0.3, 0.8],
        clusters=lambda i: [1 - swapped[i], swapped[i]],
    )
    maps = [(tiny_source.ids[i], truth(tiny_source, i)[0] * np.uint8(swapped[i] + 1)) for i in range(6)]
    write_labels(tmp_path / "filter" / "labels.zarr", maps)
    write_labels(tmp_path / "segment" / "predictions.zarr", maps)
    return {stage: tmp_path / stage for stage in ("mine", "cluster", "distill", "filter", "segment")}


@pytest.mark.parametrize("stage", ["cluster", "distill", "filter", "segment"])
def test_the_truth_under_other_ids_scores_one(stage, tiny_source, perfect):
    figures = evaluate(ALL, stage, tiny_source, perfect, Silent())
    expected = {"miou": 1.0, "pixel_accuracy": 1.0, "foreground_iou": 1.0,
                "iou_per_class": {"background": 1.0, "red": 1.0, "green": 1.0},
                "class_of_cluster": {"0": "green", "1": "red"}}  # fmt: skip
    assert figures == {"train": expected, "val": expected}


def test_mined_truth_scores_one(tiny_source, perfect):
    expected = {"foreground_iou": 1.0, "corloc": 1.0}
    assert evaluate(ALL, "mine", tiny_source, perfect, Silent()) == {"train": expected, "val": expected}


def test_scores_by_hand_for_half_masks_and_missing_images(tiny_source, tmp_path):
    def left_half(i):
        mask = truth(tiny_source, i)
        x1, _, x2, _ = tiny_source.read_boxes(i)[0].astype(int)
        mask[:, :, x1 + (x2 - x1) // 2 - 2 :] = False
        return mask

    save_masks(tmp_path / "masks.zarr", tiny_source, left_half, ids=range(3))
    figures = evaluate(ALL, "mine", tiny_source, {"mine": tmp_path}, Silent())
    assert figures["train"]["foreground_iou"] == pytest.approx(3 * 11 / (4 * 26))
    assert figures["train"]["corloc"] == 0
    assert figures["val"] == {"foreground_iou": 0.0, "corloc": 0.0}


def test_more_clusters_than_classes_report_the_majority_too(tiny_source, perfect, tmp_path):
    save_clusters(tmp_path / "cluster" / "more.zarr", [0, 1, 2, 1, 0, 1], 3)
    (tmp_path / "more").mkdir()
    (tmp_path / "cluster" / "more.zarr").rename(tmp_path / "more" / "clusters.zarr")
    figures = evaluate(ALL, "cluster", tiny_source, perfect | {"cluster": tmp_path / "more"}, Silent())["train"]
    assert figures["miou_majority"] == 1
    assert figures["miou"] == pytest.approx((1 + 1 + 0.5) / 3)


def test_without_ground_truth_it_says_so(tiny_source, perfect):
    class Unlabelled(ImageSource):
        ids, n_train = tiny_source.ids, 4
        read, fingerprint = tiny_source.read, tiny_source.fingerprint

    Unlabelled.__abstractmethods__ = frozenset()
    for stage in perfect:
        assert evaluate(ALL, stage, Unlabelled(), perfect, Silent()) == {"status": "no ground truth"}


def test_a_split_without_images_is_left_out_and_all_is_json(make_source, perfect):
    source = make_source(n_images=6, n_train=6)
    for stage in perfect:
        figures = evaluate(ALL, stage, source, perfect, Silent())
        assert list(figures) == ["train"]
        json.dumps(figures, allow_nan=False)


def test_classes_absent_from_a_split_are_left_out(make_source, perfect):
    figures = evaluate(ALL, "filter", make_source(n_images=5, n_train=4), perfect, Silent())["val"]
    assert figures["iou_per_class"] == {"background": 1.0, "red": 1.0}
    assert figures["miou_majority"] == 1.0


def test_maps_of_another_size_name_the_image(tiny_source, tmp_path):
    write_labels(tmp_path / "labels.zarr", [("blob0", np.zeros((3, 3), dtype=np.uint8))])
    with pytest.raises(InputError, match=r"blob0.*\(3, 3\)"):
        evaluate(ALL, "filter", tiny_source, {"filter": tmp_path}, Silent())


def test_unknown_stages_missing_artifacts_and_foreign_clusters_are_refused(tiny_source, perfect, tmp_path):
    with pytest.raises(InputError, match="'miner'"):
        evaluate(ALL, "miner", tiny_source, perfect, Silent())
    with pytest.raises(InputError, match="artifact of mine"):
        evaluate(ALL, "cluster", tiny_source, {"cluster": perfect["cluster"]}, Silent())
    save_clusters(tmp_path / "other" / "clusters.zarr", [0, 1], 2)
    with pytest.raises(CorruptArtifact, match="2 clusters for 6 masks"):
        evaluate(ALL, "cluster", tiny_source, perfect | {"cluster": tmp_path / "other"}, Silent())


def test_classes_that_are_not_scored_are_ignored(tiny_source, perfect):
    figures = evaluate(EvaluateConfig(classes=("red",)), "segment", tiny_source, perfect, Silent())["train"]
    assert figures["iou_per_class"] == {"background": 1.0, "red": 1.0}
    assert figures["pixel_accuracy"] == 1.0


def test_an_unknown_class_is_named(tiny_source, perfect):
    with pytest.raises(InputError, match=r"evaluate\.classes: blue not among .* background, red, green"):
        evaluate(EvaluateConfig(classes=("red", "blue")), "segment", tiny_source, perfect, Silent())
