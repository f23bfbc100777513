"""The confusion matrix against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from maskdistill.stages.evaluate.confusion import ConfusionMatrix


@given(seed=st.integers(0, 999), n_true=st.integers(1, 6), n_predicted=st.integers(1, 8), images=st.integers(1, 4))
def test_equals_scikit_learn_on_everything_at_once(seed: int, n_true: int, n_predicted: int, images: int) -> None:
    rng = np.random.default_rng(seed)
    truths = [rng.integers(0, n_true, (5, 4 + i)).astype(np.uint8) for i in range(images)]
    predictions = [rng.integers(0, n_predicted, t.shape).astype(np.uint8) for t in truths]
    confusion = ConfusionMatrix(n_true, n_predicted)
    for truth, prediction in zip(truths, predictions, strict=True):
        confusion.update(truth, prediction)
    flat = [np.concatenate([part.ravel() for part in parts]) for parts in (truths, predictions)]
    expected = confusion_matrix(*flat, labels=range(8))
    np.testing.assert_array_equal(confusion.matrix, expected[:n_true, :n_predicted])


def test_ignored_truth_counts_nowhere_and_ignored_predictions_as_background() -> None:
    confusion = ConfusionMatrix(2, 3)
    confusion.update(np.asarray([[255, 1, 0, 1]], np.uint8), np.asarray([[2, 255, 255, 2]], np.uint8))
    assert confusion.matrix.tolist() == [[1, 0, 0], [1, 0, 1]]


def test_arrays_that_are_given_stay_as_they_are() -> None:
    prediction = np.asarray([255, 1], np.int64)
    ConfusionMatrix(2, 2).update(np.asarray([0, 1]), prediction)
    assert prediction.tolist() == [255, 1]


@pytest.mark.parametrize(
    ("truth", "prediction", "text"),
    [([0, 2], [0, 0], "truth holds 2"), ([0, 1], [0, 9], "prediction holds 9"), ([0], [0, 1], "prediction \\(2,\\)")],
)
def test_values_and_shapes_that_do_not_fit_are_refused(truth: list[int], prediction: list[int], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        ConfusionMatrix(2, 3).update(np.asarray(truth), np.asarray(prediction))
