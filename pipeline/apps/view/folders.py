"""Nothing outside the artifact and image folders is shown: symbolic links that lead out of them are refused."""

from pathlib import Path

from maskdistill.data.errors import MaskDistillError


class LeavesFolder(MaskDistillError):
    """A file that lies, by way of a symbolic link, outside the folder that it belongs to."""


def check_file(path: Path, folder: Path) -> None:
    """Raise LeavesFolder where a path below a folder leads out of it."""
    if not path.resolve().is_relative_to(folder.resolve()):
        raise LeavesFolder(
            f"{path} is a link that leaves {folder}; copy the file there, or start the page with --follow-links"
        )


def check_tree(path: Path, folder: Path) -> None:
    """The same for a path and all that is below it."""
    check_file(path, folder)
    for below in path.rglob("*"):
        if below.is_symlink():
            check_file(below, folder)
