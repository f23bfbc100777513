"""What goes wrong with the artifact folder as such, told with the remedy: it is a file, full, or only to be read."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maskdistill.data.errors import CorruptArtifact, InputError, MaskDistillError

_REASONS = {
    errno.ENOSPC: "the disk is full; make room, or name another folder",
    errno.EDQUOT: "your quota is used up; make room, or name another folder",
    errno.EFBIG: "a file is larger than is allowed there; raise the limit, or name another folder",
    errno.EIO: "the disk cannot be read or written; look after it, or name another folder",
    errno.EROFS: "it may only be read; name another folder",
    errno.EACCES: "it may not be written to; allow it, or name another folder",
    errno.EPERM: "it may not be written to; allow it, or name another folder",
    errno.ENOTDIR: "it lies below a file, or is one; name another folder",
    errno.EEXIST: "it lies below a file, or is one; name another folder",
    errno.ENAMETOOLONG: "its name is too long; name another folder",
    errno.ELOOP: "it is a link that leads to itself; name another folder",
    errno.ENOENT: "it cannot be made there; name another folder",
}
_ANYWHERE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What is about the disk, and comes without the name of a file."""


@contextmanager
def explain_storage(root: Path) -> Iterator[None]:
    """Turn what the file system says of the artifact folder into an InputError that names the folder and the remedy."""
    try:
        yield
    except MaskDistillError:
        raise
    except EOFError as error:  # NumPy says so of an empty file; the command line would take it for the user's
        raise CorruptArtifact(f"artifacts: {root}: a file there is cut short ({error}); run again") from error
    except OSError as error:
        code = error.errno or 0
        if code not in _REASONS or not (code in _ANYWHERE or _lies_in(error.filename, root)):
            raise
        raise InputError(f"artifacts: {root}: {_REASONS[code]} with -s artifacts=DIR") from error


def _lies_in(name: object, root: Path) -> bool:
    """Whether a file is the folder, in it, or one of those that it is in."""
    if not isinstance(name, str | Path):
        return False
    path, whole = Path(name).absolute(), root.absolute()
    return path.is_relative_to(whole) or whole.is_relative_to(path)
