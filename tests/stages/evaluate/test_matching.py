"""Matching against all permutations, and the scores that follow from it."""

import json
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, jaccard_score
from torchmetrics.classification import MulticlassJaccardIndex

from helpers.paths import GOLDEN
from maskdistill.stages.evaluate import scores
from maskdistill.stages.evaluate.confusion import ConfusionMatrix, IntArray
from maskdistill.stages.evaluate.matching import hungarian, majority, pairwise_iou
from maskdistill.stages.evaluate.scores import pixel_accuracy


def best_by_trying_everything(confusion: IntArray) -> float:
    iou = pairwise_iou(confusion)
    iou = iou if iou.shape[0] <= iou.shape[1] else iou.T
    rows = np.arange(iou.shape[0])
    return max(float(iou[rows, list(chosen)].sum()) for chosen in permutations(range(iou.shape[1]), iou.shape[0]))


@given(seed=st.integers(0, 9999), n_true=st.integers(1, 5), n_predicted=st.integers(1, 5))
def test_hungarian_reaches_the_best_sum_one_to_one(seed: int, n_true: int, n_predicted: int) -> None:
    rng = np.random.default_rng(seed)
    confusion = rng.integers(0, 50, (n_true, n_predicted)) * rng.integers(0, 2, (n_true, n_predicted))
    matching = hungarian(confusion)
    used = matching[matching >= 0]
    assert matching.shape == (n_predicted,)
    assert len(set(used.tolist())) == len(used)
    reached = sum(pairwise_iou(confusion)[c, p] for p, c in enumerate(matching) if c >= 0)
    assert reached == pytest.approx(best_by_trying_everything(confusion))


def test_a_permutation_is_undone() -> None:
    confusion = np.diag([5, 6, 7])[:, [2, 0, 1]]
    assert hungarian(confusion).tolist() == [2, 0, 1]
    assert scores.miou(scores.iou_per_class(confusion, hungarian(confusion))) == 1


def test_majority_is_many_to_one_and_leaves_unused_ids_out() -> None:
    confusion = np.asarray([[9, 0, 0, 1], [0, 4, 0, 6], [1, 3, 0, 0]])
    assert majority(confusion).tolist() == [0, 1, -1, 1]
    assert scores.iou_per_class(confusion, majority(confusion))[1] == pytest.approx(10 / 14)


def test_iou_by_hand_with_an_unmatched_id_and_an_absent_class() -> None:
    confusion = np.asarray([[6, 1, 1], [2, 4, 0], [0, 0, 0]])
    ious = scores.iou_per_class(confusion, np.asarray([0, 1, -1]))
    assert ious == {0: pytest.approx(6 / 10), 1: pytest.approx(4 / 7)}
    assert scores.pixel_accuracy(confusion, np.asarray([0, 1, -1])) == pytest.approx(10 / 14)
    assert scores.foreground_iou(confusion) == pytest.approx(4 / 8)


def test_nothing_is_nan_where_there_is_nothing() -> None:
    confusion = np.zeros((3, 3), dtype=np.int64)
    matching = hungarian(confusion)
    assert matching.tolist() == [-1, -1, -1]
    assert scores.miou(scores.iou_per_class(confusion, matching)) == 0
    assert scores.pixel_accuracy(confusion, matching) == 0
    assert scores.foreground_iou(confusion) == 0


def test_boxes_by_hand() -> None:
    boxes = np.asarray([[0, 0, 10, 10], [20, 20, 20, 20]], dtype=np.float32)
    others = np.asarray([[0, 0, 10, 5], [5, 5, 15, 15], [50, 50, 60, 60]], dtype=np.float32)
    np.testing.assert_allclose(scores.box_iou(boxes, others), [[0.5, 25 / 175, 0.0], [0.0, 0.0, 0.0]])
    assert scores.is_localised(boxes, others[:1])
    assert not scores.is_localised(boxes, others[1:])
    assert not scores.is_localised(boxes[:0], others)


@given(seed=st.integers(0, 999))
def test_scores_equal_torchmetrics_and_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, prediction = rng.integers(0, 4, (2, 200))
    truth[:20] = 255
    confusion = ConfusionMatrix(4, 4)
    confusion.update(truth, prediction)
    itself = np.arange(4)
    jaccard = MulticlassJaccardIndex(4, average="macro", ignore_index=255)
    expected = float(jaccard(torch.as_tensor(prediction), torch.as_tensor(truth)))
    assert scores.miou(scores.iou_per_class(confusion.matrix, itself)) == pytest.approx(expected, abs=1e-6)
    accuracy = accuracy_score(truth[20:], prediction[20:])
    assert scores.pixel_accuracy(confusion.matrix, itself) == pytest.approx(accuracy)
    foreground = jaccard_score(truth[20:] > 0, prediction[20:] > 0)
    assert scores.foreground_iou(confusion.matrix) == pytest.approx(foreground)


def test_matching_of_pixels_is_that_of_stego() -> None:
    """Its confusion matrix is (predicted, true); an id whose pixels are none of its class has no class here."""
    official = json.loads((GOLDEN / "stego.json").read_text())["metrics"]["hungarian_4"]
    confusion = np.array(official["stats"], dtype=np.int64).T
    matching = hungarian(confusion, "pixels")
    assert matching.tolist() == [1, 0, 2, -1]
    assert official["assignments"][1][:3] == [1, 0, 2]
    assert pixel_accuracy(confusion, matching) * 100 == pytest.approx(official["acc"], abs=1e-5)


@pytest.mark.parametrize(
    ("case", "matching"),
    [("linear_4", [0, 1, 2, 3]), ("hungarian_4", [1, 0, 2, 3]), ("hungarian_3_extra_1", [1, 0, 2])],
)
def test_iou_and_accuracy_are_those_of_stego(case: str, matching: list[int]) -> None:
    """Its mean counts a class without pixels as 0 where something was taken for it; here such a class does not count.

    Pixels of clusters beyond the classes are in neither of its numbers, so they are not in this confusion matrix.
    """
    official = json.loads((GOLDEN / "stego.json").read_text())["metrics"][case]
    confusion = np.array(official["stats"], dtype=np.int64).T
    ious = scores.iou_per_class(confusion, np.array(matching))
    assert official["assignments"][1] == matching
    assert sum(ious.values()) / len(matching) * 100 == pytest.approx(official["miou"], abs=1e-5)
    assert pixel_accuracy(confusion, np.array(matching)) * 100 == pytest.approx(official["acc"], abs=1e-5)


def test_clusters_beyond_the_classes_count_as_wrong_and_not_as_absent() -> None:
    """STEGO leaves their pixels out of its score: right are 11 of 12, where two more lie in a cluster of no class."""
    official = json.loads((GOLDEN / "stego.json").read_text())["metrics"]
    confusion = np.array(official["hungarian_4"]["stats"], dtype=np.int64).T[:3]
    assert pixel_accuracy(confusion, hungarian(confusion)) == pytest.approx(11 / 14)
    assert official["hungarian_3_extra_1"]["acc"] == pytest.approx(1100 / 12, abs=1e-4)


def test_pixels_and_iou_may_be_matched_differently() -> None:
    confusion = np.array([[90, 70], [15, 0]], dtype=np.int64)
    assert hungarian(confusion, "pixels").tolist() == [0, -1]
    assert hungarian(confusion, "iou").tolist() == [1, 0]
