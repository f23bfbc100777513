"""Writing a FeatureStore: image by image as a part, and many parts as one store.

Shapes: h x w patches of an image, D numbers a patch.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from maskdistill.data.errors import CorruptArtifact
from maskdistill.data.stores.features import COLUMNS, DESCRIPTION, MIRRORED, STATISTICS, TOKENS, FeatureStore
from maskdistill.data.stores.growing_array import GrowingArray, join_arrays
from maskdistill.data.stores.zarr_group import create_array, create_store, write_strings

Tokens = NDArray[np.float16]


@contextmanager
def write_features(path: Path, dim: int, description: dict[str, Any], *, mirrored: bool) -> Iterator["FeatureWriter"]:
    """A store that stands at `path` once the block has ended well.

    Args:
        path: Where.
        dim: D.
        description: What the tokens are of, in JSON values.
        mirrored: Whether the maps of the mirror images are given too.
    """
    with create_store(path, "features") as group:
        writer = FeatureWriter(group, dim, mirrored=mirrored)
        yield writer
        group.attrs[DESCRIPTION] = description
        writer.finish()


class FeatureWriter:
    """Takes images one by one; only the last MiB of tokens is held in memory."""

    def __init__(self, group: zarr.Group, dim: int, *, mirrored: bool) -> None:
        self._group = group
        self._tokens = GrowingArray(group, TOKENS, np.float16)
        self._mirrored = GrowingArray(group, MIRRORED, np.float16) if mirrored else None
        self._images: dict[int, tuple[str, tuple[int, int], tuple[int, int], int]] = {}
        self._n_tokens, self._total, self._squares = 0, np.zeros(dim), np.zeros(dim)

    def add(
        self,
        item: int,
        image_id: str,
        size_hw: tuple[int, int],
        tokens: Tokens,
        mirrored: Tokens | None = None,
        *,
        counts: bool,
    ) -> None:
        """Add an image.

        Args:
            item: The images stand in the store in the order of this number, in whichever order they are added.
            image_id: Its id.
            size_hw: Its height and width, px.
            tokens: (h, w, D).
            mirrored: The same of its mirror image, where the store has those.
            counts: Whether it enters mean and deviation, as training images do.
        """
        height, width, dim = tokens.shape
        self._images[item] = (image_id, size_hw, (height, width), len(self._tokens))
        self._tokens.append(tokens.ravel())
        if self._mirrored is not None:
            if mirrored is None or mirrored.shape != tokens.shape:
                raise ValueError(f"{image_id}: the map of the mirror image has to be of the same shape")
            self._mirrored.append(mirrored.ravel())
        if counts:
            exact = tokens.reshape(-1, dim).astype(np.float64)
            self._n_tokens += len(exact)
            self._total += exact.sum(axis=0)
            self._squares += np.einsum("nd,nd->d", exact, exact)

    def finish(self) -> None:
        """Write what is left, and the columns."""
        self._tokens.finish()
        if self._mirrored is not None:
            self._mirrored.finish()
        found = [self._images[item] for item in sorted(self._images)]
        columns = {
            "size_hw": np.asarray([size_hw for _, size_hw, _, _ in found]).reshape(-1, 2),
            "grid_hw": np.asarray([grid_hw for _, _, grid_hw, _ in found]).reshape(-1, 2),
            "start": np.asarray([start for _, _, _, start in found]),
        }
        statistics = {"n_tokens": np.asarray([self._n_tokens]), "total": self._total, "squares": self._squares}
        _write_columns(self._group, [image_id for image_id, _, _, _ in found], columns, statistics)


def join_features(parts: Sequence[Path], path: Path) -> FeatureStore:
    """Join stores into one at `path`, their images in the order given.

    No tokens are read: the files that they are in are linked, see `join_arrays`.

    Raises:
        CorruptArtifact: A part is damaged, or they are of different tokens.
    """
    stores = [FeatureStore.open(part) for part in parts]
    first = stores[0]
    for store in stores:
        if (store.description, store.dim, store.mirrored) != (first.description, first.dim, first.mirrored):
            raise CorruptArtifact(f"{store.path}: holds other tokens than {first.path}")
    columns = {name: np.concatenate([getattr(store, name) for store in stores]) for name in COLUMNS}
    statistics = {name: sum(getattr(store, name) for store in stores) for name in STATISTICS}
    with create_store(path, "features") as group:
        group.attrs[DESCRIPTION] = first.description
        for name in first.arrays:
            starts = join_arrays([store.arrays[name] for store in stores], group, name, np.float16)
        columns["start"] += np.repeat(starts, [len(store) for store in stores])
        _write_columns(group, [image_id for store in stores for image_id in store.image_ids], columns, statistics)
    return FeatureStore.open(path)


def _write_columns(group: zarr.Group, image_ids: Sequence[str], columns: Any, statistics: Any) -> None:
    write_strings(group, "image_ids", image_ids)
    for name, dtype in COLUMNS.items():
        create_array(group, name, columns[name].astype(dtype))
    for name, dtype in STATISTICS.items():
        create_array(group, name, statistics[name].astype(dtype))
