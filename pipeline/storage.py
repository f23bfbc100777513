"""What goes wrong with files and folders as such, told with the remedy: a full disk, a file only to be read."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maskdistill.data.errors import CorruptArtifact, InputError, MaskDistillError

_TROUBLE = {
    errno.ENOSPC: ("the disk is full", "make room, or name another"),
    errno.EDQUOT: ("your quota is used up", "make room, or name another"),
    errno.EFBIG: ("a file is larger than is allowed there", "raise the limit, or name another"),
    errno.EIO: ("the disk cannot be read or written", "look after the disk, or name another"),
    errno.EROFS: ("it may only be read", "name another"),
    errno.EACCES: ("it may not be written to", "allow it, or name another"),
    errno.EPERM: ("it may not be written to", "allow it, or name another"),
    errno.ENOTDIR: ("it lies below a file, or is one", "name another"),
    errno.EISDIR: ("a folder stands where a file belongs", "name another"),
    errno.EEXIST: ("it lies below a file, or is one", "name another"),
    errno.ENAMETOOLONG: ("its name is too long", "name another"),
    errno.ELOOP: ("it is a link that leads to itself", "name another"),
    errno.ENOENT: ("it cannot be made there", "name another"),
}
"""What is the matter with a file or folder, and what to do about it, by the number of the error."""
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
        if code not in _TROUBLE or not (code in _ANYWHERE or _lies_in(error.filename, root)):
            raise
        what, remedy = _TROUBLE[code]
        raise InputError(f"artifacts: {root}: {what}; {remedy} folder with -s artifacts=DIR") from error


def remedy_of(error: OSError) -> str | None:
    """What to do about trouble with any file; None where it is not known, or where a file is not there.

    A file that is not there has been looked for by the program, which says better what it was for.
    """
    known = error.errno in _TROUBLE and error.errno != errno.ENOENT
    return f"{_TROUBLE[error.errno or 0][1]} file or folder" if known else None


def _lies_in(name: object, root: Path) -> bool:
    """Whether a file is the folder, in it, or one of those that it is in."""
    if not isinstance(name, str | Path):
        return False
    path, whole = Path(name).absolute(), root.absolute()
    return path.is_relative_to(whole) or whole.is_relative_to(path)
