"""The zarr v3 groups under every store: opening, creating, plain arrays and lists of strings."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from shutil import copyfile, copytree
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec
from zarr.storage import LocalStore

from maskdistill.data.atomic import atomic_path
from maskdistill.data.errors import CorruptArtifact, MissingArtifact

_FORMAT = 1
_CHUNK_BYTES = 1 << 20


@contextmanager
def create_store(path: Path, kind: str) -> Iterator[zarr.Group]:
    """A new group that stands at `path` once the block has ended well; `kind` is written into its attributes."""
    with atomic_path(path) as temporary:
        group = zarr.open_group(temporary, mode="w-", zarr_format=3)
        group.attrs.update({"maskdistill": kind, "format": _FORMAT})
        yield group


def open_store(path: Path, kind: str) -> zarr.Group:
    """Open a group for reading. Raises MissingArtifact without one, CorruptArtifact where it is of another kind."""
    if not (path / "zarr.json").is_file():
        raise MissingArtifact(f"{path}: no {kind} store here")
    try:
        group = zarr.open_group(path, mode="r", zarr_format=3)
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptArtifact(f"{path}: not a readable zarr group ({error})") from error
    found = (group.attrs.get("maskdistill"), group.attrs.get("format"))
    if found != (kind, _FORMAT):
        raise CorruptArtifact(f"{path}: expected a {kind} store of format {_FORMAT}, found {found[0]} of {found[1]}")
    return group


def create_array(group: zarr.Group, name: str, values: NDArray[Any]) -> None:
    """Write a whole array in chunks of about 1 MiB along its first axis."""
    array = create_empty_array(group, name, values.shape, values.dtype)
    if values.size:
        array[...] = values


def create_empty_array(group: zarr.Group, name: str, shape: tuple[int, ...], dtype: Any) -> "zarr.Array[Any]":
    """Declare an array that is filled slice by slice."""
    row_bytes = max(1, int(np.prod(shape[1:])) * np.dtype(dtype).itemsize)
    rows = min(max(1, _CHUNK_BYTES // row_bytes), max(1, shape[0]))
    chunks = (rows, *(max(1, n) for n in shape[1:]))
    # By default zarr leaves out chunks of zeros, and a lost chunk would then read as zeros too.
    return group.create_array(name, shape=shape, dtype=dtype, chunks=chunks, config={"write_empty_chunks": True})


class GrowingArray:
    """An array whose rows are given one block after the other.

    Its chunks of about 1 MiB carry their CRC-32C and are not compressed, for values that hardly would be smaller.
    """

    def __init__(self, group: zarr.Group, name: str, row_shape: tuple[int, ...], dtype: Any) -> None:
        row_bytes = max(1, int(np.prod(row_shape)) * np.dtype(dtype).itemsize)
        self._chunk_rows = max(1, _CHUNK_BYTES // row_bytes)
        self._array: zarr.Array[Any] = group.create_array(
            name,
            shape=(0, *row_shape),
            dtype=dtype,
            chunks=(self._chunk_rows, *row_shape),
            compressors=Crc32cCodec(),
            config={"write_empty_chunks": True},
        )
        self._waiting: list[NDArray[Any]] = []
        self._n_waiting = 0

    def __len__(self) -> int:
        return self._array.shape[0] + self._n_waiting

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows; what does not fill a chunk waits for more."""
        self._waiting.append(rows)
        self._n_waiting += len(rows)
        if self._n_waiting >= self._chunk_rows:
            self._write(self._n_waiting - self._n_waiting % self._chunk_rows)

    def finish(self) -> None:
        """Write what is waiting."""
        if self._n_waiting:
            self._write(self._n_waiting)

    def _write(self, n: int) -> None:
        rows, written = np.concatenate(self._waiting), self._array.shape[0]
        self._array.resize((written + n, *self._array.shape[1:]))
        self._array[written:] = rows[:n]
        # A copy, as a view would keep all of it in memory.
        self._waiting, self._n_waiting = [rows[n:].copy()], len(rows) - n


def link_group(source: Path, group: zarr.Group, name: str) -> None:
    """Bring the group or array at `source` into another group of the same file system, without reading its values.

    Its files are linked, or copied where the file system has no hard links.
    """
    if not isinstance(group.store, LocalStore):
        raise TypeError(f"{group.store_path}: not a folder")
    copytree(source, group.store.root / group.path / name, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        copyfile(source, target)


def get_group(group: zarr.Group, name: str) -> zarr.Group:
    """A group within a group. Raises CorruptArtifact where it is missing."""
    item = _get_item(group, name)
    if not isinstance(item, zarr.Group):
        raise CorruptArtifact(f"{group.store_path}: {name!r} is missing")
    return item


def get_array(group: zarr.Group, name: str) -> "zarr.Array[Any]":
    """An array of the group, unread. Raises CorruptArtifact where it, or one of its chunks, is missing."""
    item = _get_item(group, name)
    if not isinstance(item, zarr.Array):
        raise CorruptArtifact(f"{group.store_path}: array {name!r} is missing")
    if item.nchunks_initialized != item.nchunks:
        raise CorruptArtifact(f"{item.store_path}: {item.nchunks - item.nchunks_initialized} chunks are missing")
    return item


def read_array(group: zarr.Group, name: str, dtype: str | None = None) -> NDArray[Any]:
    """A whole array. Raises CorruptArtifact where it is missing, damaged or of another type."""
    array = get_array(group, name)
    if dtype is not None and array.dtype != np.dtype(dtype):
        raise CorruptArtifact(f"{array.store_path}: the array is {array.dtype}, not {np.dtype(dtype)}")
    return read_rows(array, 0, array.shape[0])


def read_rows(array: "zarr.Array[Any]", start: int, stop: int) -> NDArray[Any]:
    """Rows `start` to `stop` of an array. Raises CorruptArtifact where their chunks are damaged."""
    try:
        return np.asarray(array[start:stop])
    except (RuntimeError, ValueError, OSError) as error:
        raise CorruptArtifact(f"{array.store_path}: the array cannot be read ({error})") from error


def write_strings(group: zarr.Group, name: str, strings: Sequence[str]) -> None:
    """Store strings as one UTF-8 buffer and offsets: zarr v3 has no stable string type."""
    encoded = [string.encode() for string in strings]
    subgroup = group.create_group(name)
    offsets = np.cumsum([0] + [len(code) for code in encoded], dtype=np.int64)
    create_array(subgroup, "offsets", offsets)
    create_array(subgroup, "utf8", np.frombuffer(b"".join(encoded), dtype=np.uint8))


def read_strings(group: zarr.Group, name: str) -> tuple[str, ...]:
    """Read back what `write_strings` wrote."""
    subgroup = get_group(group, name)
    offsets = read_array(subgroup, "offsets", "i8")
    text = read_array(subgroup, "utf8", "u1").tobytes()
    if not len(offsets) or offsets[0] != 0 or offsets[-1] != len(text) or (np.diff(offsets) < 0).any():
        raise CorruptArtifact(f"{subgroup.store_path}: offsets do not span the {len(text)} bytes of text")
    try:
        return tuple(text[a:b].decode() for a, b in pairwise(offsets))
    except UnicodeDecodeError as error:
        raise CorruptArtifact(f"{subgroup.store_path}: a string is not UTF-8") from error


def _get_item(group: zarr.Group, name: str) -> Any:
    try:
        return group.get(name)
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptArtifact(f"{group.store_path}: {name!r} is damaged ({error})") from error
