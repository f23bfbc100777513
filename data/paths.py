"""Names that come out of files (split lists, annotations) and may not lead out of the folder they belong to."""

from pathlib import Path, PurePosixPath

from maskdistill.data.errors import InputError


def check_relative(name: str, where: str) -> PurePosixPath:
    """The name as a path, or InputError if it is empty, absolute or climbs with `..`; `where` says who named it."""
    path = PurePosixPath(name)
    # A backslash or a drive is a path on Windows; a colon elsewhere is part of a name, as in times of day.
    foreign = "\\" in name or name[1:2] == ":" or "\0" in name
    if foreign or not path.parts or path.is_absolute() or ".." in path.parts:
        raise InputError(f"{where}: {name!r} is not a plain path below its folder; remove it or make it relative")
    return path


def is_there(path: Path) -> bool:
    """Whether this is a file; a name that is too long for the file system, or that may not be looked at, is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def inside(folder: Path, name: str, where: str) -> Path:
    """`folder / name`, certain to lie inside `folder` after symbolic links; it need not exist.

    Args:
        folder: Trusted folder, itself possibly a link.
        name: Untrusted name with `/` between folders.
        where: What named it, for the message, e.g. "val.txt, line 3".

    Raises:
        InputError: The name is absolute, climbs with `..`, or goes through a link that leaves the folder.
    """
    path = folder
    linked = False
    for part in check_relative(name, where).parts:
        path = path / part
        linked = linked or path.is_symlink()
    # Resolving costs a system call per folder above, so only names that pass through a link pay for it.
    if linked and not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{where}: {name!r} is a link that leaves {folder}; copy the file there instead")
    return path
