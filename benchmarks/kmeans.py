"""How long the clustering of many masks takes once they are embedded, and how much memory.

python benchmarks/kmeans.py                     1,000,000 embeddings of 384 dimensions: 3 GiB of memory
python benchmarks/kmeans.py --masks 100000

Does what the cluster stage does, with its default settings: the scale of each dimension, whitening, K-means on four
fifths of the rows, and the nearest centroid of all rows. Prints seconds of each, and the ratio to one product of the
embeddings with the centroids, which every pass of any K-means needs at least once.
"""

import argparse

import numpy as np
from numpy.typing import NDArray
from pairs import hardware, peak_mib, seconds_of
from rich.console import Console
from rich.table import Table

from maskdistill.stages.cluster.config import ClusterConfig
from maskdistill.stages.cluster.kmeans import assign_raw, dimension_scale, fit, whiten
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.training.device import resolve_device

SECONDS, GIB = 120, 4
"""The targets, of a million embeddings on two cores."""
_DRAWN_AT_ONCE = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--masks", type=int, default=1_000_000)
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("-k", type=int, default=27)
    options = parser.parse_args()
    resolve_device(ExecutionConfig(device="cpu"))
    embedding = draw(options.masks, options.dimensions, options.k)
    fitted = np.arange(options.masks) % 5 > 0
    config = ClusterConfig(k=options.k)
    kept: dict[str, NDArray[np.float32]] = {}

    def prepare() -> None:
        kept["scale"] = dimension_scale(embedding, fitted)
        kept["whitened"] = whiten(embedding, kept["scale"], fitted)

    def cluster() -> None:
        kept["centroids"], _ = fit(
            kept["whitened"],
            options.k,
            batch_size=config.batch_size_kmeans,
            n_init=config.n_init,
            max_iter=config.max_iter,
            seed=0,
        )

    steps = {
        "scale and whiten": prepare,
        "k-means": cluster,
        "nearest centroids": lambda: assign_raw(embedding, kept["scale"], kept["centroids"]),
    }
    timed = {name: seconds_of(work) for name, work in steps.items()}
    product = seconds_of(lambda: embedding @ kept["centroids"].T)
    table = Table("", "seconds", "core-seconds", ": one product")
    for name, (wall, cpu) in timed.items():
        table.add_row(name, f"{wall:.1f}", f"{cpu:.1f}", f"{cpu / product.cpu:.1f}")
    wall, cpu = (sum(values) for values in zip(*timed.values(), strict=True))
    table.add_row("in all", f"{wall:.1f}", f"{cpu:.1f}", f"{cpu / product.cpu:.1f}")
    Console().print(table)
    print(f"{options.masks:,} x {options.dimensions}; at most {peak_mib() / 1024:.2f} GiB of memory")
    print(f"targets of a million on two cores: {SECONDS} s, {GIB} GiB; {hardware()}")


def draw(n: int, dimensions: int, k: int) -> NDArray[np.float32]:
    """Rows around k centres, as far from them as the centres are from each other."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((k, dimensions), dtype=np.float32)
    rows = np.empty((n, dimensions), dtype=np.float32)
    for start in range(0, n, _DRAWN_AT_ONCE):
        block = rows[start : start + _DRAWN_AT_ONCE]
        block[:] = rng.standard_normal(block.shape, dtype=np.float32)
        block += centres[rng.integers(0, k, len(block))]
    return rows


if __name__ == "__main__":
    main()
