"""The normalised cut of Shi and Malik (2000) through the patches of an image, as TokenCut and MaskCut make it.

Shapes: N patches, D channels. W, N x N, holds the weights between patches, 1 where two are similar and EPSILON where
they are not; the diagonal matrix D holds its sums of rows. The cut is read off the second smallest generalised
eigenvector of (D - W) y = lambda D y. With z = D^1/2 y, that is the second largest eigenvector of D^-1/2 W D^-1/2,
which the Lanczos method finds by some twenty products of that matrix with a vector.
"""

from contextlib import suppress
from inspect import signature

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor
from torch.nn import functional as F

EPSILON = 1e-5
"""Weight between patches that are not similar: above 0, so that no part of the graph is on its own."""
_ROUNDING = 1e-5
_FEW = 32
_RESTARTS = 40
_SEEDED = {"rng": 0} if "rng" in signature(eigsh).parameters else {}  # before 1.17, SciPy seeded itself


def similar_patches(features: Tensor, similarity: float) -> NDArray[np.float32]:
    """Which patches are similar: 1 where the cosine of two features (N, D) is at least `similarity`, else 0, (N, N)."""
    directions = F.normalize(features, dim=1)
    similar = directions @ directions.T >= similarity
    # Rounding need not be the same above and below the diagonal.
    return (similar & similar.T).cpu().numpy().astype(np.float32)


def second_eigenvector(similar: NDArray[np.float32]) -> NDArray[np.float64]:
    """The second smallest generalised eigenvector, (N,), of which the sign has no meaning; the same in every run.

    Args:
        similar: float32 (N, N), symmetric, of 0 and 1; see `similar_patches`.

    Returns:
        The vector; zeros where all weights are equal, so that no cut is better than another.
    """
    if similar.min() == similar.max():
        return np.zeros(len(similar))
    roots = np.sqrt((1 - EPSILON) * similar.sum(axis=1, dtype=np.float64) + EPSILON * len(similar))
    if len(similar) >= _FEW:
        # Fails where second and third eigenvalue are all but equal, as in one long chain of similar patches.
        with suppress(ArpackNoConvergence):
            return np.asarray(_by_lanczos(similar, roots) / roots)
    return np.asarray(_by_decomposition(similar, roots) / roots)


def side_of(vector: NDArray[np.float64], patch: int) -> NDArray[np.bool_]:
    """The side of the cut, bool (N,), that a patch is on: above or below the mean of the eigenvector (N,).

    What lies on the mean but for rounding is a side of its own: all patches, where none differs from the others.
    """
    offset = vector - vector.mean()
    sides = np.sign(offset) * (np.abs(offset) > _ROUNDING * np.abs(offset).max())
    return np.asarray(sides == sides[patch])


def _by_lanczos(similar: NDArray[np.float32], roots: NDArray[np.float64]) -> NDArray[np.float64]:
    """z, from the roots of the degrees: they are the largest eigenvector themselves, and are moved out of the way."""
    scale = (1 / roots).astype(np.float32)
    largest = (roots / np.linalg.norm(roots)).astype(np.float32)

    def product(vector: NDArray[np.float32]) -> NDArray[np.float32]:
        vector = vector.ravel()
        scaled = scale * vector
        weighted = np.float32(1 - EPSILON) * (similar @ scaled) + np.float32(EPSILON) * scaled.sum()
        # Adds 1 to all eigenvalues, so that the tolerance is not relative to one near 0, and sets the largest to -1.
        return np.asarray(scale * weighted + vector - 3 * largest * (largest @ vector))

    start = np.random.default_rng(0).standard_normal(len(roots)).astype(np.float32)
    operator = LinearOperator(similar.shape, matvec=product, dtype=np.float32)
    _, vectors = eigsh(operator, k=1, which="LA", v0=start, tol=_ROUNDING, maxiter=_RESTARTS, **_SEEDED)
    return np.asarray(vectors[:, 0], dtype=np.float64)


def _by_decomposition(similar: NDArray[np.float32], roots: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same without iterations: slower from some hundred patches on."""
    second = len(similar) - 2
    weights = np.where(similar > 0, 1, EPSILON) / roots[:, None] / roots
    _, vectors = eigh(weights, subset_by_index=[second, second])
    if not vectors.size:  # the solver of single vectors finds none where all eigenvalues are the same
        vectors = eigh(weights)[1][:, second:]
    return np.asarray(vectors[:, 0])
