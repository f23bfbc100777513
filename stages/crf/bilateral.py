"""Gaussian filtering in position and colour: the appearance term of the DenseCRF.

N pixels, M nodes, C channels. The pixels of one cell of the five-dimensional space (y, x, r, g, b), measured in
standard deviations, share one node at their mean; the kernel between two nodes is exact, and 0 beyond a reach. With
ever smaller cells and an ever larger reach the result becomes that of the N x N kernel.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from maskdistill.data.arrays import UInt8Array

_LARGEST_KEY = 2**40
"""Numbers of cells are brought together again above this, long before they could overflow."""


@dataclass(frozen=True, eq=False)
class BilateralFilter:
    """The symmetrically normalised filter D^-1/2 K D^-1/2 of one image, where D holds the sums of the rows of K.

    Attributes:
        node: int64 (N,), node of each pixel.
        pixels: int64 (N,), the pixels ordered by node.
        starts: int64 (M,), where the pixels of each node begin in `pixels`.
        neighbours: int64 (P,), the nodes within reach of node 0, then of node 1, ...; each reaches itself.
        first: int64 (M,), where the neighbours of each node begin.
        kernel: float32 (P,), normalised kernel of each of them.
    """

    node: Tensor
    pixels: Tensor
    starts: Tensor
    neighbours: Tensor
    first: Tensor
    kernel: Tensor

    def __call__(self, values: Tensor) -> Tensor:
        """Filter float32 (N, C)."""
        sums = F.embedding_bag(self.pixels, values, self.starts, mode="sum")
        filtered = F.embedding_bag(self.neighbours, sums, self.first, mode="sum", per_sample_weights=self.kernel)
        return filtered[self.node]


def bilateral_filter(
    image: UInt8Array, sxy: float, srgb: float, cell: float, reach: float, device: torch.device
) -> BilateralFilter:
    """Build the filter of an image.

    Args:
        image: (H, W, 3).
        sxy: Standard deviation in distance, px.
        srgb: Standard deviation in each colour channel, 0-255.
        cell: Side of the cells, in standard deviations.
        reach: Distance beyond which the kernel is 0, in standard deviations.
        device: Where it will filter.
    """
    height, width = image.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32) / sxy
    features = np.dstack([rows, columns, image.astype(np.float32) / srgb]).reshape(-1, 5)
    node, counts = _cells(features, cell)
    means = np.stack([np.bincount(node, column) for column in features.T], axis=1) / counts[:, None]
    source, neighbours, kernel = _kernel(means, reach)
    scale = 1 / np.sqrt(np.bincount(source, kernel * counts[neighbours]))
    arrays = (
        node,
        _order(node, len(counts)),
        _starts(counts),
        neighbours,
        _starts(np.bincount(source)),
        (kernel * scale[source] * scale[neighbours]).astype(np.float32),
    )
    return BilateralFilter(*(torch.from_numpy(array).to(device) for array in arrays))


def _cells(features: NDArray[np.float32], cell: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Node of each pixel, and the number of pixels of each node."""
    key, end = np.zeros(len(features), dtype=np.int64), 1
    for column in features.T:
        places = np.floor(column / cell).astype(np.int64)
        extent = int(places.max()) + 1
        if end * extent > _LARGEST_KEY:
            _, key = np.unique(key, return_inverse=True)
            end = int(key.max()) + 1
        key, end = key * extent + places, end * extent
    _, node, counts = np.unique(key, return_inverse=True, return_counts=True)
    return node, counts


def _kernel(
    means: NDArray[np.float64], reach: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """All ordered pairs of nodes within reach, sorted by the first one, and the Gaussian of their distance."""
    pairs = cKDTree(means, compact_nodes=False, balanced_tree=False).query_pairs(reach, output_type="ndarray")
    squares = np.square(means[pairs[:, 0]] - means[pairs[:, 1]]).sum(axis=1)
    itself = np.arange(len(means))
    source = np.concatenate([pairs[:, 0], pairs[:, 1], itself])
    target = np.concatenate([pairs[:, 1], pairs[:, 0], itself])
    kernel = np.exp(-0.5 * np.concatenate([squares, squares, np.zeros(len(means))]))
    order = _order(source, len(means))
    return source[order], target[order], kernel[order]


def _order(nodes: NDArray[np.int64], n_nodes: int) -> NDArray[np.int64]:
    """What brings nodes in order; of equal ones the earlier stays first."""
    # numpy sorts numbers of 16 bits ten times as fast.
    return np.argsort(nodes.astype(np.min_scalar_type(n_nodes)), kind="stable")


def _starts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.cumsum(counts) - counts
