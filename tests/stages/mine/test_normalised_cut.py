"""The eigenvector of the cut against the full generalised decomposition of SciPy."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import eigh

from helpers.patches import features_of, rectangles
from maskdistill.stages.mine.methods.normalised_cut import EPSILON, second_eigenvector, side_of, similar_patches


def decomposed(similar: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All eigenvalues and vectors of (D - W) y = lambda D y, as the papers state the problem."""
    weights = np.where(similar > 0, 1, EPSILON)
    degrees = np.diag(weights.sum(axis=1))
    values, vectors = eigh(degrees - weights, degrees)
    return values, vectors


def assert_same_direction(found: NDArray[np.float64], expected: NDArray[np.float64], tolerance: float) -> None:
    found, expected = found / np.linalg.norm(found), expected / np.linalg.norm(expected)
    np.testing.assert_allclose(found * np.sign(found @ expected), expected, atol=tolerance)


@pytest.mark.parametrize("similarity", [0.1, 0.3])
@pytest.mark.parametrize("grid_hw", [(5, 6), (14, 16), (20, 20)])
def test_equals_the_full_decomposition(grid_hw: tuple[int, int], similarity: float) -> None:
    """Of few patches, which are decomposed, and of many, which are not."""
    masks = rectangles(grid_hw, (1, 0, 2, 2), (grid_hw[1] // 2, grid_hw[0] // 2, grid_hw[1] // 3, grid_hw[0] // 3))
    similar = similar_patches(features_of(masks, noise=0.3), similarity)
    values, vectors = decomposed(similar)
    assert values[2] - values[1] > 1e-3, "the second eigenvector is a direction of its own"
    assert_same_direction(second_eigenvector(similar), vectors[:, 1], 1e-4)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 90), share=st.floats(0, 1))
@example(seed=0, n=21, share=0.0)
def test_no_other_vector_makes_a_better_cut(seed: int, n: int, share: float) -> None:
    """Where eigenvalues coincide, any vector of theirs will do: its Rayleigh quotient is the second eigenvalue."""
    random = np.random.default_rng(seed)
    related = (random.random((n, n)) < share) | np.eye(n, dtype=bool)
    similar = (related & related.T).astype(np.float32)
    vector = second_eigenvector(similar)
    if not vector.any():
        assert similar.all()
        return
    weights = np.where(similar > 0, 1, EPSILON)
    degrees = weights.sum(axis=1)
    quotient = (vector @ (degrees * vector) - vector @ weights @ vector) / (vector @ (degrees * vector))
    assert quotient == pytest.approx(decomposed(similar)[0][1], abs=1e-4)
    assert abs(vector @ degrees) <= 1e-3 * np.abs(vector) @ degrees


def test_the_same_graph_gives_the_same_vector() -> None:
    """Also where the vector is not unique, as with equal cliques."""
    similar = np.kron(np.eye(4), np.ones((20, 20))).astype(np.float32)
    first = second_eigenvector(similar)
    second_eigenvector(similar[:50, :50])
    np.testing.assert_array_equal(second_eigenvector(similar), first)


def test_a_chain_of_patches_that_iterations_do_not_solve_is_decomposed() -> None:
    distance = np.abs(np.subtract.outer(np.arange(400), np.arange(400)))
    similar = (distance <= 1).astype(np.float32)
    assert_same_direction(second_eigenvector(similar), decomposed(similar)[1][:, 1], 1e-6)


def test_similar_is_what_points_the_same_way() -> None:
    features = torch.tensor([[2.0, 0.0], [0.1, 0.1], [0.0, 0.0], [-1.0, 3.0]])
    expected = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]
    np.testing.assert_array_equal(similar_patches(features, 0.5), expected)


def test_a_side_is_what_lies_above_or_below_the_mean() -> None:
    vector = np.asarray([0.1, 0.2, -0.9, 0.2, -0.5, 0.1])
    for sign in (1, -1):
        assert side_of(sign * vector, 2).tolist() == side_of(sign * vector, 4).tolist() == [0, 0, 1, 0, 1, 0]
        assert side_of(sign * vector, 0).tolist() == [1, 1, 0, 1, 0, 1]


def test_what_lies_on_the_mean_but_for_rounding_is_on_neither_side() -> None:
    vector = np.asarray([1e-9, -1e-9, 1.0, 0.0, -1.0, 0.0])
    assert [side_of(vector, patch).tolist() for patch in (2, 4)] == [[0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0]]
    assert side_of(vector, 0).tolist() == [1, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("similar", [0, 1])
def test_where_no_cut_is_better_than_another_there_is_none(similar: int) -> None:
    vector = second_eigenvector(np.full((40, 40), similar, dtype=np.float32))
    assert not vector.any()
    assert side_of(vector, 0).all()
