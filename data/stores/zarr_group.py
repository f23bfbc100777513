"""The zarr v3 groups under every store: opening, creating, plain arrays and lists of strings."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import ByteRequest
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore

from maskdistill.data.atomic import atomic_path
from maskdistill.data.errors import CorruptArtifact, MissingArtifact

_FORMAT = 1
_CHUNK_BYTES = 1 << 20


class WholeStore(LocalStore):
    """A folder in which a chunk that is not there is an error; zarr would read it as zeros."""

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """The content of a file; None for a description that is not there."""
        found = await super().get(key, prototype, byte_range)
        if found is None and not key.endswith("zarr.json"):
            raise CorruptArtifact(f"{self.root / key}: the chunk is missing")
        return found


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
        group = zarr.open_group(WholeStore(path, read_only=True), mode="r", zarr_format=3)
    except Exception as error:  # damaged files make zarr raise nearly anything
        raise CorruptArtifact(f"{path}: not a readable zarr group ({describe(error)})") from error
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
    return group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=chunks,
        compressors=(ZstdCodec(), Crc32cCodec()),
        # By default zarr leaves out chunks of zeros, and a lost chunk would then read as zeros too.
        config={"write_empty_chunks": True},
    )


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
    if n_missing := _count_missing(item):
        raise CorruptArtifact(f"{item.store_path}: {n_missing} chunks are missing")
    return item


def has_item(group: zarr.Group, name: str) -> bool:
    """Whether a group holds something of that name. Raises CorruptArtifact where that is damaged."""
    return _get_item(group, name) is not None


def file_states(path: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file of a store, by name."""
    found = {}
    for folder, _, files in os.walk(path):
        for file in files:
            status = Path(folder, file).stat()
            found[f"{folder}/{file}"] = (status.st_size, status.st_mtime_ns)
    return found


def folder_of(item: "zarr.Array[Any] | zarr.Group") -> Path:
    """Where an array or a group lies."""
    if not isinstance(item.store, LocalStore):
        raise TypeError(f"{item.store_path}: not a folder")
    return item.store.root / item.path


def chunk_path(array: "zarr.Array[Any]", chunk: tuple[int, ...]) -> Path:
    """The file of a chunk, by its number along each axis."""
    return folder_of(array) / array.metadata.encode_chunk_key(chunk)


def _count_missing(array: "zarr.Array[Any]") -> int:
    """Number of chunks without a file. zarr's own count takes a minute for 20,000 chunks."""
    folder, n_chunks = folder_of(array), math.prod(array.cdata_shape)
    found = {Path(path, file) for path, _, files in os.walk(folder) for file in files}
    if len(found) < n_chunks:  # before each is looked for: a damaged shape may stand for billions
        return n_chunks - len(found)
    expected = (array.metadata.encode_chunk_key(chunk) for chunk in np.ndindex(array.cdata_shape))
    return sum(folder / key not in found for key in expected)


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
    except CorruptArtifact:
        raise
    except Exception as error:  # damaged chunks make the codecs raise nearly anything
        raise CorruptArtifact(f"{array.store_path}: the array cannot be read ({describe(error)})") from error


def describe(error: Exception) -> str:
    """The first line of what an error says, or its type where it says nothing."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


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
    except Exception as error:  # damaged files make zarr raise nearly anything
        raise CorruptArtifact(f"{group.store_path}: {name!r} is damaged ({describe(error)})") from error
