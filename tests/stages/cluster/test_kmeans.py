"""Whitening against the authors' numbers, and K-means."""

import json
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.paths import GOLDEN
from maskdistill.data.arrays import FloatArray
from maskdistill.stages.cluster.kmeans import assign, assign_raw, dimension_scale, fit, whiten, whiten_l2

CASES = json.loads((GOLDEN / "whiten.json").read_text())
quick_fit = partial(fit, batch_size=64, n_init=3, max_iter=50)


def blobs(n: int = 300, k: int = 4, dim: int = 6) -> tuple[FloatArray, NDArray[np.int64]]:
    """Points in k narrow groups, and the group of each."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, k, n)
    return (rng.normal(size=(k, dim))[truth] * 5 + rng.normal(size=(n, dim)) * 0.1).astype(np.float32), truth


def test_whitening_gives_the_numbers_of_the_authors() -> None:
    ours = whiten_l2(np.asarray(CASES["features"]))
    np.testing.assert_allclose(ours, CASES["whitened_l2"], atol=CASES["tolerance"])


def test_the_scale_is_the_population_deviation_without_centring() -> None:
    features = np.asarray([[1.0, 0.0], [3.0, 4.0]])
    np.testing.assert_allclose(dimension_scale(features), [1, 2])
    np.testing.assert_allclose(whiten_l2(features), [[1, 0], np.asarray([3, 2]) / np.sqrt(13)], rtol=1e-6)


@pytest.mark.parametrize("constant", [0.0, 7.3])
def test_constant_dimensions_and_zero_rows_come_out_as_zeros(constant: float) -> None:
    features = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    features[:, 1] = constant
    features[4] = [0, constant, 0]
    whitened = whiten_l2(features)
    assert np.isfinite(whitened).all()
    assert not whitened[:, 1].any()
    assert not whitened[4].any()
    np.testing.assert_allclose(np.linalg.norm(np.delete(whitened, 4, axis=0), axis=1), 1, rtol=1e-5)


def test_whitening_leaves_its_input_alone() -> None:
    features = np.ones((3, 2)) * np.arange(3)[:, None]
    before = features.copy()
    whiten(features, np.ones(2, dtype=np.float32))
    np.testing.assert_array_equal(features, before)


def test_separate_blobs_are_found() -> None:
    features, truth = blobs()
    cluster, _ = assign(features, quick_fit(features, 4, seed=0)[0])
    pairs = set(zip(truth.tolist(), cluster.tolist(), strict=True))
    assert len(pairs) == 4


def test_the_same_seed_gives_the_same_centroids() -> None:
    features = np.random.default_rng(3).normal(size=(200, 5)).astype(np.float32)
    first, again, other = (quick_fit(features, 6, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_assignment_is_to_the_nearest_with_its_distance() -> None:
    features, _ = blobs(n=40)
    centroids, inertia = quick_fit(features, 4, seed=0)
    cluster, distance = assign(features, centroids)
    table = np.linalg.norm(features[:, None] - centroids[None], axis=-1)
    np.testing.assert_array_equal(cluster, table.argmin(axis=1))
    np.testing.assert_allclose(distance, table.min(axis=1), atol=1e-3)
    assert inertia == pytest.approx((table.min(axis=1) ** 2).sum(), rel=1e-3)
    assert [len(part) for part in assign(features[:0], centroids)] == [0, 0]


def test_ordinary_k_means_reaches_the_centres_of_separate_blobs() -> None:
    features, truth = blobs()
    centroids, inertia = quick_fit(features, 4, seed=0, batch_size=None)
    means = np.stack([features[truth == blob].mean(axis=0) for blob in range(4)])
    distance = np.linalg.norm(means[:, None] - centroids[None], axis=-1)
    np.testing.assert_allclose(distance.min(axis=1), 0, atol=1e-5)
    assert inertia == pytest.approx(((features - means[truth]) ** 2).sum(), rel=1e-4)


@pytest.mark.parametrize("n", [1, 300, 20_000])
def test_some_rows_are_as_if_the_others_were_not_there(n: int) -> None:
    """Worked on in blocks: the same, to the last bit, as all rows in float64 at once."""
    rng = np.random.default_rng(0)
    features = (rng.standard_normal((n, 24)) * np.arange(1, 25)).astype(np.float32)
    features[:, 3] = 2
    rows = rng.random(n) < 0.7
    rows[0] = True
    scale = dimension_scale(features, rows)
    expected = features[rows].std(axis=0, dtype=np.float64).astype(np.float32)
    expected[3] = 0
    assert np.array_equal(scale, expected)
    assert np.array_equal(whiten(features, scale, rows), whiten(features, scale)[rows])
    centroids = whiten(features, scale)[:1]
    for ours, theirs in zip(
        assign_raw(features, scale, centroids), assign(whiten(features, scale), centroids), strict=True
    ):
        assert np.array_equal(ours, theirs)
