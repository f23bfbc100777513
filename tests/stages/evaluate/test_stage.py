"""Evaluation of every stage's artifact on images whose truth is known."""

import json
import tracemalloc

import numpy as np
import pytest

from maskdistill.data.errors import CorruptArtifact, InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.instances import Instances
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.labels import write_labels
from maskdistill.data.stores.masks import MaskStoreBuilder
from maskdistill.stages.evaluate.config import EvaluateConfig
from maskdistill.stages.evaluate.metrics import METRICS
from maskdistill.stages.evaluate.stage import evaluate
from maskdistill.stages.progress import Silent

ALL = EvaluateConfig()
LISTS = {name for name, metric in METRICS.items() if not metric.is_scalar}


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


def with_objects(source):
    """The same source with an instance for each rectangle."""
    source.read_instances = lambda i: Instances.of_map(truth(source, i)[0].astype(np.uint8), [1 + i % 2])
    return source


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
        lambda i: np.concatenate([truth(tiny_source, i), np.roll(truth(tiny_source, i), 30, axis=1)]),
        scores=lambda i: [0.8, 0.3],
        clusters=lambda i: [swapped[i], swapped[i]],
    )
    kept = {"scores": lambda i: [0.8], "clusters": lambda i: [swapped[i]]}
    save_masks(tmp_path / "filter" / "masks.zarr", tiny_source, lambda i: truth(tiny_source, i), **kept)
    maps = [(tiny_source.ids[i], truth(tiny_source, i)[0] * np.uint8(swapped[i] + 1)) for i in range(6)]
    write_labels(tmp_path / "filter" / "labels.zarr", maps)
    write_labels(tmp_path / "segment" / "predictions.zarr", maps)
    return {stage: tmp_path / stage for stage in ("mine", "cluster", "distill", "filter", "segment")}


@pytest.mark.parametrize("stage", ["mine", "cluster", "filter", "segment"])
def test_the_truth_under_other_ids_scores_one(stage, tiny_source, perfect):
    metrics = evaluate(ALL, stage, with_objects(tiny_source), perfect, Silent())
    assert list(metrics) == ["train", "val"]
    expected = {name for name, metric in METRICS.items() if stage in metric.stages and not name.endswith("_crf")}
    expected.discard("miou_majority")
    for split in metrics.values():
        assert set(split) == expected
        # pycocotools divides by a hair more than the number of masks.
        assert {name: split[name] for name in expected - LISTS} == pytest.approx(dict.fromkeys(expected - LISTS, 1.0))
        if stage != "mine":
            assert split["iou_per_class"] == {"background": 1.0, "red": 1.0, "green": 1.0}
            assert split["class_of_cluster"] == {"0": "green", "1": "red"}


def test_candidates_are_scored_by_what_they_are_worth(tiny_source, perfect):
    metrics = evaluate(ALL, "distill", with_objects(tiny_source), perfect, Silent())["train"]
    # The second candidate of each image is wrong but less sure, so precision is perfect down to full recall.
    assert [metrics[name] for name in ("ap50", "ap50_agnostic", "ap_single", "corloc")] == pytest.approx([1, 1, 1, 1])
    low, high = metrics["reliability"]
    expected = {"candidates": 4, "score": pytest.approx(0.3), "precision": 0.0, "ap50": 0.0, "low": 0.3, "high": 0.4}
    assert low == expected
    assert (high["low"], high["candidates"], high["precision"], high["ap50"]) == (0.8, 4, 1.0, 1.0)
    assert metrics["calibration_error"] == pytest.approx((0.3 + 0.2) / 2)


def test_confusion_and_ranking_of_images(tiny_source, perfect):
    def predicted(i):
        prediction = truth(tiny_source, i)[0] * np.uint8(2 - i % 2)
        if i == 2:
            prediction[:] = 0
        return prediction

    write_labels(perfect["segment"] / "predictions.zarr", [(tiny_source.ids[i], predicted(i)) for i in range(6)])
    metrics = evaluate(ALL, "segment", tiny_source, perfect, Silent())["train"]
    area = 26 * 30
    background = sum((tiny_source.read_labels(i) == 0).sum() for i in range(4))
    assert metrics["confusion"] == {
        "classes": ["background", "red", "green"],
        "px": [[background, 0, 0, 0], [area, area, 0, 0], [0, 0, 2 * area, 0]],
    }
    assert metrics["worst_images"][0]["image"] == "blob2"
    assert metrics["worst_images"][0]["miou"] == pytest.approx(
        (1 - area / (tiny_source.read_labels(2) != 255).sum()) / 2
    )
    assert [one["miou"] for one in metrics["best_images"]][:3] == [1.0, 1.0, 1.0]


def test_predictions_after_the_crf_are_scored_beside_the_others(tiny_source, perfect):
    nothing = [(tiny_source.ids[i], np.zeros_like(tiny_source.read_labels(i))) for i in range(6)]
    plain = evaluate(ALL, "segment", tiny_source, perfect, Silent())["val"]
    (perfect["segment"] / "predictions.zarr").rename(perfect["segment"] / "predictions_crf.zarr")
    write_labels(perfect["segment"] / "predictions.zarr", nothing)
    metrics = evaluate(ALL, "segment", tiny_source, perfect, Silent())["val"]
    assert metrics["miou"] < 0.5
    for name in ("miou", "pixel_accuracy", "boundary_iou"):
        assert metrics[f"{name}_crf"] == plain[name] == 1


def test_scores_by_hand_for_half_masks_and_missing_images(tiny_source, tmp_path):
    def left_half(i):
        mask = truth(tiny_source, i)
        x1, _, x2, _ = tiny_source.read_boxes(i)[0].astype(int)
        mask[:, :, x1 + (x2 - x1) // 2 - 2 :] = False
        return mask

    save_masks(tmp_path / "masks.zarr", tiny_source, left_half, ids=range(3))
    metrics = evaluate(ALL, "mine", tiny_source, {"mine": tmp_path}, Silent())
    assert metrics["train"]["foreground_iou"] == pytest.approx(3 * 11 / (4 * 26))
    assert metrics["train"]["corloc"] == 0
    assert metrics["val"] == {"foreground_iou": 0.0, "corloc": 0.0}


def test_more_clusters_than_classes_report_the_majority_too(tiny_source, perfect, tmp_path):
    save_clusters(tmp_path / "cluster" / "more.zarr", [0, 1, 2, 1, 0, 1], 3)
    (tmp_path / "more").mkdir()
    (tmp_path / "cluster" / "more.zarr").rename(tmp_path / "more" / "clusters.zarr")
    metrics = evaluate(ALL, "cluster", tiny_source, perfect | {"cluster": tmp_path / "more"}, Silent())["train"]
    assert metrics["miou_majority"] == 1
    assert metrics["miou"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert metrics["purity"] == 1
    assert metrics["nmi"] == pytest.approx(2 * np.log(2) / (np.log(2) + 1.5 * np.log(2)))


def test_without_ground_truth_it_says_so(tiny_source, perfect):
    class Unlabelled(ImageSource):
        ids, n_train = tiny_source.ids, 4
        read, fingerprint = tiny_source.read, tiny_source.fingerprint

    Unlabelled.__abstractmethods__ = frozenset()
    for stage in perfect:
        assert evaluate(ALL, stage, Unlabelled(), perfect, Silent()) == {"status": "no ground truth"}


def test_a_split_without_images_is_left_out_and_all_is_json(make_source, perfect):
    source = with_objects(make_source(n_images=6, n_train=6))
    for stage in perfect:
        metrics = evaluate(ALL, stage, source, perfect, Silent())
        assert list(metrics) == ["train"]
        json.dumps(metrics, allow_nan=False)
        numbers = {name for name, value in metrics["train"].items() if type(value) is float}
        assert numbers == set(metrics["train"]) - LISTS


def test_classes_absent_from_a_split_are_left_out(make_source, perfect):
    metrics = evaluate(ALL, "filter", make_source(n_images=5, n_train=4), perfect, Silent())["val"]
    assert metrics["iou_per_class"] == {"background": 1.0, "red": 1.0}
    assert metrics["miou_majority"] == 1.0


def test_sizes_that_do_not_fit_name_the_image(tiny_source, tmp_path):
    write_labels(tmp_path / "labels.zarr", [("blob0", np.zeros((3, 3), dtype=np.uint8))])
    save_masks(tmp_path / "masks.zarr", tiny_source, lambda i: np.ones((1, 3, 3), dtype=bool))
    for stage in ("filter", "mine"):
        with pytest.raises(InputError, match=r"blob0.*\(3, 3\)"):
            evaluate(ALL, stage, tiny_source, {stage: tmp_path}, Silent())


def test_unknown_stages_missing_artifacts_and_foreign_clusters_are_refused(tiny_source, perfect, tmp_path):
    with pytest.raises(InputError, match="'miner'"):
        evaluate(ALL, "miner", tiny_source, perfect, Silent())
    with pytest.raises(InputError, match="artifact of mine"):
        evaluate(ALL, "cluster", tiny_source, {"cluster": perfect["cluster"]}, Silent())
    save_clusters(tmp_path / "other" / "clusters.zarr", [0, 1], 2)
    with pytest.raises(CorruptArtifact, match="2 clusters for 6 masks"):
        evaluate(ALL, "cluster", tiny_source, perfect | {"cluster": tmp_path / "other"}, Silent())


def test_classes_that_are_not_scored_are_ignored(tiny_source, perfect):
    config = EvaluateConfig(classes=("red",))
    metrics = evaluate(config, "segment", tiny_source, perfect, Silent())["train"]
    assert metrics["iou_per_class"] == {"background": 1.0, "red": 1.0}
    assert metrics["pixel_accuracy"] == 1.0
    # Candidates on green objects are neither right nor wrong; those on nothing stay wrong.
    metrics = evaluate(config, "distill", with_objects(tiny_source), perfect, Silent())["train"]
    assert [one["candidates"] for one in metrics["reliability"]] == [4, 2]
    assert metrics["ap50_agnostic"] == 1


def test_an_unknown_class_is_named(tiny_source, perfect):
    with pytest.raises(InputError, match=r"evaluate\.classes: blue not among .* background, red, green"):
        evaluate(EvaluateConfig(classes=("red", "blue")), "segment", tiny_source, perfect, Silent())


class Stripes(ImageSource):
    """Any number of label maps that cost nothing to read."""

    class_names = ("background", "stripe")

    def __init__(self, n_images):
        self.ids, self.n_train = tuple(map(str, range(n_images))), n_images

    def read(self, index):
        raise NotImplementedError

    def fingerprint(self):
        return ""

    def read_labels(self, index):
        labels = np.zeros((300, 300), dtype=np.uint8)
        labels[index % 300] = 1
        return labels


def peak_bytes(path, n_images):
    source = Stripes(n_images)
    write_labels(path / "predictions.zarr", [(source.ids[i], source.read_labels(i)) for i in range(n_images)])
    tracemalloc.start()
    evaluate(ALL, "segment", source, {"segment": path}, Silent())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_pixels(tmp_path):
    growth = peak_bytes(tmp_path / "many", 120) - peak_bytes(tmp_path / "few", 40)
    # Two or three chunks of 1 MiB may be in memory at a time, whatever the number of images.
    assert growth < 80 * 300 * 300 / 3, "the 80 more maps are held in memory"
