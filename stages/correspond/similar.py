"""Which images are most like each: by the mean of what the ViT sees in them (STEGO's nearest neighbours).

Shapes: N images or windows of images, D numbers a patch.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from maskdistill.data.optional import import_optional

_LINKS = 32


def most_similar(means: NDArray[np.float32], count: int, index: Literal["exact", "faiss"]) -> NDArray[np.int64]:
    """The most similar other rows of each row, int64 (N, m), the nearest first; m is `count`, or N - 1 if that is less.

    Args:
        means: float32 (N, D) of unit length, N >= 2.
        count: How many are wanted.
        index: How they are found.
    """
    count = min(count, len(means) - 1)
    find = _exact if index == "exact" else _approximate
    return without_themselves(find(means, count + 1))


def without_themselves(found: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows that were found for each row, int64 (N, m + 1), less itself: (N, m).

    What an approximate index did not find, -1, becomes the nearest other row, or the row itself where there is none.
    """
    own = np.arange(len(found))[:, None]
    found = np.where(found < 0, own, found)
    # A row need not be its own nearest, where others are the same; then the last one is left out.
    order = np.argsort(found == own, axis=1, kind="stable")
    others = np.take_along_axis(found, order, axis=1)[:, :-1]
    return np.where(others == own, others[:, :1], others)


def _exact(means: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    neighbours = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(means)
    return np.asarray(neighbours.kneighbors(means, return_distance=False), dtype=np.int64)


def _approximate(means: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    faiss = import_optional("faiss", "correspond.stego.index: faiss", "pip install faiss-cpu, or take index: exact")
    index = faiss.IndexHNSWFlat(means.shape[1], _LINKS, faiss.METRIC_INNER_PRODUCT)
    index.add(means)
    return np.asarray(index.search(means, count)[1], dtype=np.int64)
