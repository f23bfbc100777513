"""Average linkage: a cluster may be of any size."""

import numpy as np
from numpy.typing import NDArray

from maskdistill.stages.correspond.linkage import linked_centres
from maskdistill.stages.correspond.train import fit_centres


def clouds() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Rows of length 1: 1500 around the first axis, wide; 60 and 40, narrow, around two that are more alike."""
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], [1500, 60, 40])
    middles = np.array([[1, 0, 0], [0, 1, 0], [0, 0.7, 0.7]])
    rows = middles[truth] + rng.normal(0, np.where(truth == 0, 0.15, 0.02)[:, None], (1600, 3))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), truth


def test_a_large_and_wide_cluster_stays_one_where_k_means_splits_it() -> None:
    rows, truth = clouds()
    linked = (rows @ linked_centres(rows, 3).T).argmax(axis=1)
    assert np.array_equal(linked, truth), "the largest first"
    split = (rows @ fit_centres(rows, 3, 0).T).argmax(axis=1)
    assert len(np.unique(split[truth == 0])) > 1


def test_centres_are_the_means_of_what_is_in_them() -> None:
    rows, truth = clouds()
    expected = np.stack([rows[truth == number].mean(axis=0) for number in range(3)])
    found = linked_centres(rows, 3)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-6)
    assert found.dtype == np.float32
    assert found.shape == (3, 3)


def test_as_many_clusters_as_rows_are_the_rows() -> None:
    rows = clouds()[0][:4]
    np.testing.assert_allclose(np.sort(linked_centres(rows, 4), axis=0), np.sort(rows, axis=0), atol=1e-6)


def test_single_odd_rows_take_the_place_of_no_cluster() -> None:
    rows, truth = clouds()
    odd = -np.eye(3, dtype=np.float32)
    found = linked_centres(np.concatenate([odd, rows]), 3)
    assert np.array_equal((rows @ found.T).argmax(axis=1), truth)


def test_where_no_groups_are_large_enough_there_are_as_many_centres_and_all_differ() -> None:
    rows = np.repeat(np.eye(4, dtype=np.float32), [400, 2, 2, 1], axis=0)
    np.testing.assert_array_equal(linked_centres(rows, 4), np.eye(4))


def test_a_row_of_zeros_is_like_no_other() -> None:
    rows, truth = clouds()
    found = linked_centres(np.concatenate([np.zeros((1, 3), np.float32), rows]), 3)
    assert np.array_equal((rows @ found.T).argmax(axis=1), truth)
