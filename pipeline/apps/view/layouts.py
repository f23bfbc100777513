"""The map of the masks in other layouts than principal components: computed in the background, once.

Shapes: M masks, D embedding dimensions.
"""

import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.pipeline.apps.view.embedding_map import EmbeddingMap, on_grid
from maskdistill.stages.cluster.kmeans import whiten

LayoutName = Literal["pca", "tsne", "umap"]
_MOST = 5000
_DIMENSIONS = 50
_PERPLEXITY = 30
Layout = Callable[[NDArray[np.float32], int], NDArray[np.floating]]
"""Gives places (M, 2) for rows (M, d), with a seed."""


def available_layouts() -> list[LayoutName]:
    """The layouts that there are here; UMAP needs `umap-learn`."""
    found: list[LayoutName] = ["pca", "tsne"]
    if find_spec("umap"):
        found.append("umap")
    return found


class BackgroundLayout:
    """A layout that is being computed in a thread of its own.

    Args:
        store: The clusters.
        layout: How masks are laid out.
    """

    def __init__(self, store: ClusterStore, layout: Layout) -> None:
        self._found: EmbeddingMap | None = None
        self._error: Exception | None = None
        # A daemon, so that it holds up no end of the program.
        threading.Thread(target=self._run, args=(store, layout), daemon=True).start()

    def result(self) -> EmbeddingMap | None:
        """The map; None as long as it is computed. Raises what the computation did."""
        if self._error is not None:
            raise self._error
        return self._found

    def _run(self, store: ClusterStore, layout: Layout) -> None:
        try:
            self._found = lay_out(store, layout)
        except Exception as error:
            self._error = error


def lay_out(store: ClusterStore, layout: Layout, seed: int = 0) -> EmbeddingMap:
    """Lay masks out by their whitened embeddings.

    At most 5,000 masks, drawn at random, are laid out; each of the others lies where the one most like it does.
    """
    space = whiten(store.embedding, store.scale)
    width = min(_DIMENSIONS, *space.shape)
    if len(space) < 4 or width < 2:
        return EmbeddingMap(np.zeros((len(space), 2), dtype=np.uint16), (0.0, 0.0))
    drawn = np.sort(np.random.default_rng(seed).permutation(len(space))[:_MOST])
    reduced = PCA(width, random_state=seed).fit(space[drawn]).transform(space).astype(np.float32)
    places = np.asarray(layout(reduced[drawn], seed))
    if len(drawn) < len(space):
        nearest = NearestNeighbors(n_neighbors=1).fit(reduced[drawn]).kneighbors(reduced, return_distance=False)[:, 0]
        places = places[nearest]
    return EmbeddingMap(on_grid(places), (0.0, 0.0))


def tsne(rows: NDArray[np.float32], seed: int) -> NDArray[np.floating]:
    """t-SNE (van der Maaten and Hinton, 2008), started from principal components."""
    perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
    found: NDArray[np.floating] = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(rows)
    return found


def umap(rows: NDArray[np.float32], seed: int) -> NDArray[np.floating]:
    """UMAP (McInnes et al., 2018)."""
    from umap import UMAP

    neighbours = min(15, len(rows) - 1)
    found: NDArray[np.floating] = UMAP(n_neighbors=neighbours, random_state=seed).fit_transform(rows)
    return found


LAYOUTS: dict[str, Layout] = {"tsne": tsne, "umap": umap}
