"""How many clusters there are, judged without labels: a table over a range of K, and the choice of `cluster.k: auto`.

The rule. K-means is fitted to each half of the masks, and both fits are applied to all of them: where there are K
clusters, the two partitions agree (Lange et al. 2004, Neural Computation 16; Ben-Hur et al. 2002). *Stability* is
their adjusted Rand index. But few clusters agree whatever the data are, and so do those of a stretched cloud (von
Luxburg 2010, arXiv 1007.1075). So the same is done with points of the same mean and covariance that have no clusters,
and the *gain* is what the masks have beyond them. Chosen is the largest K whose gain is within one standard error of
the best one: a class that shares a cluster is lost to all later stages, while a class in two clusters is not.

Shapes: M masks, D dimensions of the features, K clusters.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse.csgraph import laplacian
from sklearn.isotonic import isotonic_regression
from sklearn.metrics import silhouette_score
from sklearn.neighbors import kneighbors_graph

from maskdistill.data.errors import InputError
from maskdistill.stages.cluster.kmeans import FloatArray, assign
from maskdistill.stages.cluster.stability import agreement_of_halves, fit_fully, without_clusters

_MOST_ROWS = 2000
_HALVINGS = 10
_NEIGHBOURS = 10
_MOST_K, _MASKS_PER_CLUSTER, _LEAST_PER_CLUSTER = 30, 10, 4


@dataclass(frozen=True)
class Judgement:
    """What there is to say for one K.

    Attributes:
        k: Number of clusters.
        stability: Mean adjusted Rand index of ten pairs of fits to halves of the masks.
        chance: The same of points without clusters, smoothed so that it falls with K.
        gain: The first less the second.
        error: Standard error of the gain.
        silhouette: How much nearer masks are to their own cluster than to the next, -1 to 1 (Rousseeuw 1987).
        eigengap: From the Kth to the next eigenvalue of the Laplacian of the graph of nearest neighbours: large where
            the graph falls into K parts (von Luxburg 2007, arXiv 0711.0189). Eigenvalues of the covariance would count
            directions, and many clusters can lie along one.
        smallest, largest: Fraction of the masks in those clusters.
    """

    k: int
    stability: float
    chance: float
    gain: float
    error: float
    silhouette: float
    eigengap: float
    smallest: float
    largest: float


@dataclass(frozen=True)
class Choice:
    """The table, and the K that is taken from it by the rule at the top of this file."""

    judgements: Sequence[Judgement]

    @property
    def k(self) -> int:
        """The largest K whose gain is within one standard error of the best one."""
        best = max(self.judgements, key=lambda one: one.gain)
        return max(one.k for one in self.judgements if one.gain >= best.gain - best.error)

    def as_metrics(self) -> list[dict[str, Any]]:
        """A dict per row, for JSON."""
        return [asdict(one) for one in self.judgements]

    @classmethod
    def from_metrics(cls, rows: Sequence[dict[str, Any]]) -> "Choice":
        """The same table again."""
        return cls([Judgement(**row) for row in rows])


def range_of_k(masks: int, k_range: tuple[int, int] | None = None) -> list[int]:
    """The numbers of clusters to try: every one up to 40, then about every twentieth.

    Args:
        masks: How many masks there are to fit.
        k_range: First and last of them; None = 2 to 30, with at least ten masks per cluster. The last one is lowered
            where there are fewer than four masks per cluster, two in each half.

    Raises:
        InputError: There are too few masks for the first one.
    """
    first, last = k_range or (2, max(2, min(_MOST_K, masks // _MASKS_PER_CLUSTER)))
    last = min(last, masks // _LEAST_PER_CLUSTER)
    if last < first:
        raise InputError(
            f"cluster.k: to judge {first} clusters takes at least {first * _LEAST_PER_CLUSTER} masks of training "
            f"images, and there are {masks}; set cluster.k to a number, lower cluster.k_range, or give more images"
        )
    tried = [first]
    while (following := tried[-1] + max(1, tried[-1] // 20)) <= last:
        tried.append(following)
    return tried


def choose(features: FloatArray, tried: Sequence[int], seed: int, advance: Callable[[], None]) -> Choice:
    """Judge every K.

    Args:
        features: float32 (M, D) of unit length, as K-means gets them; of more than 2,000 rows, so many are drawn.
        tried: What `range_of_k` gives.
        seed: The same seed and rows give the same table.
        advance: Told about every K.
    """
    rows = np.random.default_rng(seed).permutation(len(features))[:_MOST_ROWS]
    features = features[np.sort(rows)]
    seeds = [int(one) for one in np.random.SeedSequence(seed).generate_state(_HALVINGS)]
    references = without_clusters(features, seeds)
    found, chance, descriptions = [], [], []
    for k in tried:
        found.append([agreement_of_halves(features, k, one) for one in seeds])
        chance.append([agreement_of_halves(points, k, one) for points, one in zip(references, seeds, strict=True)])
        descriptions.append(_describe(features, assign(features, fit_fully(features, k, seed))[0], k))
        advance()
    gaps = eigengaps(features, max(tried))
    judged = zip(tried, _compare(np.array(found), np.array(chance)), descriptions, strict=True)
    return Choice([Judgement(k=k, eigengap=float(gaps[k - 1]), **gain, **rest) for k, gain, rest in judged])


def _compare(found: NDArray[np.float64], chance: NDArray[np.float64]) -> Iterator[dict[str, float]]:
    """Stability of the masks and of points without clusters, from the agreement of each pair of halves (K's, pairs)."""
    stability, error = found.mean(axis=1), (found - chance).std(axis=1, ddof=1) / np.sqrt(found.shape[1])
    # Without clusters more of them agree less, so what rises again is noise.
    falling = isotonic_regression(chance.mean(axis=1), increasing=False)
    for values in zip(stability, falling, stability - falling, error, strict=True):
        yield dict(zip(("stability", "chance", "gain", "error"), map(float, values), strict=True))


def _describe(features: FloatArray, cluster: NDArray[np.int32], k: int) -> dict[str, float]:
    sizes = np.bincount(cluster, minlength=k) / len(cluster)
    several = len(np.unique(cluster)) > 1
    silhouette = float(silhouette_score(features, cluster)) if several else 0.0
    return {"silhouette": silhouette, "smallest": float(sizes.min()), "largest": float(sizes.max())}


def eigengaps(features: FloatArray, most: int) -> NDArray[np.float64]:
    """Distance from each of the lowest eigenvalues of the Laplacian to the next, float64 (most,).

    The graph joins each row with its ten nearest, both ways and unweighted; its Laplacian is the normalised symmetric
    one.
    """
    nearest = kneighbors_graph(features, min(_NEIGHBOURS, len(features) - 1))
    values = eigh(
        laplacian(nearest.maximum(nearest.T), normed=True).toarray(), eigvals_only=True, subset_by_index=(0, most)
    )
    gaps: NDArray[np.float64] = np.diff(values)
    return gaps
