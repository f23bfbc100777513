"""The number of clusters: groups that are known are counted, and the rule is held to a table made by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskdistill.data.errors import InputError
from maskdistill.stages.cluster.choice import Choice, Judgement, choose, eigengaps, range_of_k
from maskdistill.stages.cluster.kmeans import FloatArray
from maskdistill.stages.cluster.stability import agreement_of_halves, without_clusters


def groups(k: int, dim: int, each: int = 20, seed: int = 0) -> FloatArray:
    """Points of unit length in k narrow groups, `each` in every one."""
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.normal(size=(max(k, dim), dim)).T)[0].T if k <= dim else rng.normal(size=(k, dim))
    points = np.repeat(centres[:k], each, axis=0) + rng.normal(size=(k * each, dim)) * 0.2 / np.sqrt(dim)
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True), dtype=np.float32)


def made(k: int, gain: float, error: float = 0.1) -> Judgement:
    return Judgement(k, gain + 0.2, 0.2, gain, error, 0.0, 0.0, 0.1, 0.5)


@pytest.mark.parametrize(
    ("k", "dim", "tried"), [(2, 3, (2, 3)), (3, 4, (2, 3, 4)), (5, 16, (4, 5, 6)), (8, 64, (7, 8, 9))]
)
def test_groups_are_counted(k: int, dim: int, tried: tuple[int, ...]) -> None:
    counted: list[int] = []
    choice = choose(groups(k, dim), tried, 0, lambda: counted.append(1))
    assert (choice.k, len(counted)) == (k, len(tried))
    found = {one.k: one for one in choice.judgements}
    assert found[k].stability == pytest.approx(1)
    chance = [one.chance for one in choice.judgements]
    assert chance == sorted(chance, reverse=True)
    assert chance[-1] < 0.8
    assert max(tried, key=lambda one: found[one].silhouette) == k
    assert max(tried, key=lambda one: found[one].eigengap) == k
    assert found[k].smallest == found[k].largest == pytest.approx(1 / k)


def test_points_without_clusters_gain_nothing() -> None:
    [cloud] = without_clusters(groups(4, 6), seeds=[5])
    [one] = choose(cloud, [4], 0, lambda: None).judgements
    assert abs(one.gain) < 0.2


def test_points_without_clusters_have_the_same_mean_and_covariance() -> None:
    rng = np.random.default_rng(0)
    # Far from the origin, so that scaling to unit length hardly changes how they are spread.
    features = (np.array([1, 0, 0]) + rng.normal(size=(4000, 3)) * [0.001, 0.03, 0.01]).astype(np.float32)
    one, other = without_clusters(features, seeds=[1, 2])
    assert not np.array_equal(one, other)
    np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(one[:, 1:].std(axis=0), features[:, 1:].std(axis=0), rtol=0.05)
    np.testing.assert_allclose(one.mean(axis=0), features.mean(axis=0), atol=2e-3)


def test_halves_agree_where_there_are_groups_and_only_there() -> None:
    assert agreement_of_halves(groups(4, 8), 4, seed=0) == 1
    noise = groups(1, 8, each=80)
    assert agreement_of_halves(noise, 4, seed=0) < 0.7


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ({2: 0.1, 3: 0.5, 4: 0.2}, 3),
        ({2: 0.5, 3: 0.41, 4: 0.39}, 3),  # within the error of the best, and larger
        ({2: 0.41, 3: 0.2, 4: 0.5}, 4),
        ({2: 0.5, 3: 0.5}, 3),
    ],
)
def test_the_largest_number_within_the_error_of_the_best_is_taken(gains: dict[int, float], expected: int) -> None:
    choice = Choice([made(k, gain) for k, gain in gains.items()])
    assert choice.k == expected
    assert Choice.from_metrics(choice.as_metrics()) == choice


def test_the_error_that_counts_is_that_of_the_best() -> None:
    assert Choice([made(2, 0.5, 0.01), made(3, 0.45, 0.2)]).k == 2


def test_the_range_depends_on_the_masks() -> None:
    assert range_of_k(1000) == list(range(2, 31))
    assert range_of_k(120) == list(range(2, 13))
    assert range_of_k(8) == [2]
    assert range_of_k(40, (5, 50)) == [5, 6, 7, 8, 9, 10]
    assert range_of_k(1000, (38, 50)) == [38, 39, 40, 42, 44, 46, 48, 50]


@given(masks=st.integers(8, 100_000), first=st.integers(2, 60), more=st.integers(0, 200))
def test_every_half_has_two_masks_for_each_cluster(masks: int, first: int, more: int) -> None:
    if masks < 4 * first:
        with pytest.raises(InputError, match=rf"cluster\.k: to judge {first} clusters .* there are {masks}"):
            range_of_k(masks, (first, first + more))
    else:
        tried = range_of_k(masks, (first, first + more))
        assert tried[0] == first
        assert tried[-1] <= min(first + more, masks // 4)


def test_eigengaps_count_the_parts_of_the_graph() -> None:
    gaps = eigengaps(groups(5, 8, each=15), 9)
    assert len(gaps) == 9
    assert int(gaps.argmax()) + 1 == 5
    assert len(eigengaps(groups(2, 3, each=4), 2)) == 2


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_masks_that_all_look_the_same_are_no_error() -> None:
    [one] = choose(np.full((12, 4), 0.5, dtype=np.float32), [2], 0, lambda: None).judgements
    assert (one.gain, one.silhouette, one.largest) == (0, 0, 1)


def test_of_very_many_masks_some_are_drawn() -> None:
    [one] = choose(groups(2, 3, each=1010), [2], 3, lambda: None).judgements
    assert one.smallest < 0.5 < one.largest  # all of them would be halves
