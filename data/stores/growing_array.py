"""Long zarr arrays that are written bit by bit, and joined without being read."""

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec

from maskdistill.data.stores.zarr_group import chunk_path

_CHUNK_BYTES = 1 << 20


class GrowingArray:
    """An array (n,) whose values are given one block after the other.

    Its chunks of 1 MiB carry their CRC-32C and are not compressed, for values that hardly would be smaller.
    """

    def __init__(self, group: zarr.Group, name: str, dtype: Any) -> None:
        self._array = _create(group, name, 0, dtype)
        self._chunk = self._array.chunks[0]
        self._waiting: list[NDArray[Any]] = []
        self._n_waiting = 0

    def __len__(self) -> int:
        return self._array.shape[0] + self._n_waiting

    def append(self, values: NDArray[Any]) -> None:
        """Add values (n,); what does not fill a chunk waits for more."""
        self._waiting.append(values)
        self._n_waiting += len(values)
        if self._n_waiting >= self._chunk:
            self._write(self._n_waiting - self._n_waiting % self._chunk)

    def finish(self) -> None:
        """Write what is waiting."""
        if self._n_waiting:
            self._write(self._n_waiting)

    def _write(self, n: int) -> None:
        values, written = np.concatenate(self._waiting), self._array.shape[0]
        self._array.resize(written + n)
        self._array[written:] = values[:n]
        # A copy, as a view would keep all of it in memory.
        self._waiting, self._n_waiting = [values[n:].copy()], len(values) - n


def join_arrays(arrays: Sequence["zarr.Array[Any]"], group: zarr.Group, name: str, dtype: Any) -> NDArray[np.int64]:
    """One array of all the values of such arrays, made of the files of their chunks; no value is read.

    The files are linked where the file system has hard links, so that they take their space only once, and copied
    elsewhere.

    Returns:
        int64 (len(arrays),): where the values of each array begin, which is at a whole chunk.
    """
    firsts = np.cumsum([0, *(array.nchunks for array in arrays)], dtype=np.int64)
    joined = _create(group, name, 0, dtype)
    joined.resize(int(firsts[-1]) * joined.chunks[0])
    if firsts[-1]:
        chunk_path(joined, (0,)).parent.mkdir()
    for array, (first, stop) in zip(arrays, pairwise(firsts.tolist()), strict=True):
        for number in range(first, stop):
            _link(chunk_path(array, (number - first,)), chunk_path(joined, (number,)))
    return firsts[:-1] * joined.chunks[0]


def _create(group: zarr.Group, name: str, n: int, dtype: Any) -> "zarr.Array[Any]":
    return group.create_array(
        name,
        shape=(n,),
        dtype=dtype,
        chunks=(_CHUNK_BYTES // np.dtype(dtype).itemsize,),
        compressors=Crc32cCodec(),
        # By default zarr leaves out chunks of zeros, and a lost chunk would then read as zeros too.
        config={"write_empty_chunks": True},
    )


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        copyfile(source, target)
