"""Who reads an artifact: a shared lock for as long as it is used. Replacing and deleting it need the lock alone.

    artifacts/<stage>/<key>.readers      the file that is locked; holds a line for each reader, to name it by

The operating system lets go of the locks of a process that dies. Readers in one process share a lock, and a process
does not wait for itself.
"""

import errno
import fcntl
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from maskdistill.data.errors import MaskDistillError
from maskdistill.data.text import printable

_POLL_SECONDS = 0.2
_LONGEST_NAME = 100


class InUse(MaskDistillError):
    """An artifact that another process reads can be neither deleted nor replaced now; the text names who."""


@dataclass
class _Held:
    descriptor: int
    count: int


_held: dict[Path, _Held] = {}
_guard = threading.Lock()


@contextmanager
def reading(files: Iterable[Path]) -> Iterator[None]:
    """Hold the locks of some artifacts, shared with other readers; waits while one is being replaced."""
    with ExitStack() as stack:
        for file in files:
            if hold(file):
                stack.callback(release, file)
        yield


def hold(file: Path) -> bool:
    """Begin to read; gives whether there is something to `release`.

    That is not so where no lock can be made, as in a folder that may only be read.
    """
    with _guard:
        if file in _held:
            _held[file].count += 1
            return True
        descriptor = _open(file)
        if descriptor is None:
            return False
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        _sign(descriptor)
        _held[file] = _Held(descriptor, 1)
        return True


def release(file: Path) -> None:
    """End to read."""
    with _guard:
        held = _held.get(file)
        if held is None:
            return
        held.count -= 1
        if not held.count:
            os.close(_held.pop(file).descriptor)


@contextmanager
def alone(file: Path, what: str, tell: Callable[[str], None] | None) -> Iterator[None]:
    """Hold the lock of an artifact while no other process reads it.

    Args:
        file: The lock.
        what: The artifact, for the text.
        tell: Told once whom this waits for; None = do not wait.

    Raises:
        InUse: Another process reads it, and `tell` is None.
    """
    with _guard:
        if own := _held.get(file):
            own.count += 1
    descriptor = own.descriptor if own else _open(file)
    if descriptor is None:
        raise PermissionError(errno.EACCES, "may not be written to", str(file))
    try:
        _wait(descriptor, file, what, tell)
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
        yield
    finally:
        if own:
            # A lock that was asked for and not got is lost, the one before it included.
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            _sign(descriptor)
            release(file)
        else:
            os.close(descriptor)


def _wait(descriptor: int, file: Path, what: str, tell: Callable[[str], None] | None) -> None:
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            text = f"{what} is in use by {', '.join(_names(file)) or 'another process'}"
            if tell is None:
                raise InUse(f"{text}; end it, or try again when it is done") from None
            if not told:
                tell(f"{text}; waiting until it is done")
                told = True
            time.sleep(_POLL_SECONDS)


def _open(file: Path) -> int | None:
    """None where nobody may write, or there is nothing to read."""
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR):
            raise
        with suppress(OSError):
            return os.open(file, os.O_RDONLY)
        return None


def _sign(descriptor: int) -> None:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:_LONGEST_NAME]
    with suppress(OSError):  # it may be open for reading only
        os.write(descriptor, f"{os.getpid()} {socket.gethostname()} {printable(command)}\n".encode())


def _names(file: Path) -> list[str]:
    """The readers that are alive, each by its number and command; those of other machines may be gone."""
    found = {}
    for line in file.read_text(errors="replace").splitlines():
        pid, _, rest = line.partition(" ")
        host, _, command = rest.partition(" ")
        here = host == socket.gethostname()
        if pid.isdigit() and int(pid) != os.getpid() and not (here and not Path("/proc", pid).exists()):
            found[pid, host] = f"process {pid}{'' if here else f' on {host}'} ({command})"
    return list(found.values())
