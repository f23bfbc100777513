"""The image files below a folder, and what else lies there that its owner may have meant to be read."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from maskdistill.data.errors import InputError
from maskdistill.data.sources.suffixes import NO_IMAGES, NOT_READ, SUFFIXES
from maskdistill.data.tally import Tally

_LOOP = "links to folders that are read already"
_DANGLING = "links to what is not there"


@dataclass(frozen=True)
class Listing:
    """What a folder holds.

    Attributes:
        images: Files that are taken for images, by suffix.
        skipped: Pictures of other formats, and links that are not followed, by kind.
    """

    images: list[Path] = field(default_factory=list)
    skipped: Tally = field(default_factory=Tally)


def list_images(root: Path, excluded: Path | None = None) -> Listing:
    """The image files below `root`.

    Hidden files and folders are left out, and so are folders in which file servers and systems keep thumbnails. A link
    to a folder is followed where that folder is not read already: each one is read once, and no link leads in a circle.

    Args:
        root: The folder.
        excluded: A folder that is left out, such as one of label PNGs, which are no images.
    """
    listing = Listing()
    seen: set[Path] = set()
    links = _list_below(root, listing, seen, excluded)
    while links:
        link = links.pop(0)
        target = link.resolve()
        if target in seen or root.resolve().is_relative_to(target):
            listing.skipped.add(_LOOP, link.relative_to(root).as_posix())
        else:
            links += _list_below(link, listing, seen, excluded, root)
    return listing


def _list_below(
    top: Path, listing: Listing, seen: set[Path], excluded: Path | None, root: Path | None = None
) -> list[Path]:
    """Add what lies below a folder; gives the links to folders in it."""
    links: list[Path] = []
    for name, subfolders, files in os.walk(top, onerror=lambda error: _count_closed(error, listing, root or top)):
        here = Path(name)
        seen.add(here.resolve())
        kept = [here / one for one in sorted(subfolders) if _is_read(one) and not _same(here / one, excluded)]
        links += [path for path in kept if path.is_symlink()]
        subfolders[:] = [path.name for path in kept if not path.is_symlink() and path.resolve() not in seen]
        for file in _shown(files):
            suffix = os.path.splitext(file)[1].lower()  # noqa: PTH122
            if suffix in SUFFIXES:
                listing.images.append(here / file)
            elif suffix in NOT_READ:
                listing.skipped.add(f"{suffix} files", (here / file).relative_to(root or top).as_posix())
            elif not suffix and not (here / file).exists():  # it may have been a folder
                listing.skipped.add(_DANGLING, (here / file).relative_to(root or top).as_posix())
    return links


def _count_closed(error: OSError, listing: Listing, root: Path) -> None:
    name = Path(str(error.filename))
    if name == root:
        raise InputError(f"{name}: the folder cannot be read ({error.strerror}); allow it, or name another one")
    listing.skipped.add(f"folders that cannot be read: {error.strerror}", name.relative_to(root).as_posix())


def _shown(files: list[str]) -> Iterator[str]:
    return (name for name in sorted(files) if not name.startswith("."))


def _is_read(folder: str) -> bool:
    return not folder.startswith(".") and folder.lower() not in NO_IMAGES


def _same(path: Path, other: Path | None) -> bool:
    return other is not None and path.exists() and path.samefile(other)
