"""Files and folders that appear whole or not at all, also where the machine stops in the middle."""

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

from maskdistill.data import seals

_LOCK = Lock()
_AT_ONCE, _FILES_A_THREAD = 16, 8


@contextmanager
def atomic_path(path: Path, *, grows: bool = False, first: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it there when the block ends well, remove it otherwise.

    The block may make a file or a folder. What stood at `path` before is replaced. In the folder of an unfinished
    artifact, a seal says what was written, see `data/seals.py`.

    Args:
        path: Where it is to stand.
        grows: Whether the file is added to later: it then gets no seal.
        first: Whether a folder that another process has put there meanwhile stays, and this one is dropped.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        if temporary.is_file():
            temporary.chmod(0o666 & ~_umask())  # some libraries write files that nobody else may read
        write_through(temporary)
        seals.unseal(path) if grows else seals.seal(path, temporary)
        if path.is_dir() and not first:
            shutil.rmtree(path)
        try:
            temporary.replace(path)
        except OSError as error:
            if not first or error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        _sync(path.parent)
    finally:
        # A full disk or a second Ctrl-C may not hide what went wrong before; the next run sweeps what is left.
        with suppress(OSError):
            remove(temporary)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_through(path: Path) -> None:
    """Have the file system write a file, or a folder with all that is in it, to the disk before going on.

    Without that, a machine that stops may keep the new name and lose the content.
    """
    if not path.is_dir():
        if path.exists():
            _sync(path)
        return
    folders = list(os.walk(path))
    files = [Path(folder, file) for folder, _, names in folders for file in names]
    # Together, as a file system writes the waiting of many at once; a thread costs as much as some files.
    with ThreadPoolExecutor(min(_AT_ONCE, 1 + len(files) // _FILES_A_THREAD)) as pool:
        list(pool.map(_sync, files))
        list(pool.map(_sync, [Path(folder) for folder, _, _ in folders]))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        if not path.is_dir():  # some network file systems cannot do it for folders
            raise
    finally:
        os.close(descriptor)


def _umask() -> int:
    """The mode bits that new files do not get; it can be read only by setting it."""
    with _LOCK:
        umask = os.umask(0o077)
        os.umask(umask)
    return umask


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON in one step. NaN and infinity raise ValueError."""
    text = json.dumps(value, indent=1, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n")
