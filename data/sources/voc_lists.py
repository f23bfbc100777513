"""The lists of VOC, as its authors and other programs write them, and the image files that their lines mean."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from maskdistill.data.errors import InputError
from maskdistill.data.paths import check_relative, is_there
from maskdistill.data.sources.files import read_lines
from maskdistill.data.sources.image_names import match_images
from maskdistill.data.sources.listing import list_images
from maskdistill.data.sources.suffixes import SUFFIXES

_ENDINGS = ("jpg", "JPG", "jpeg", "png", "PNG", "JPEG", "bmp", "tif", "tiff", "webp")
"""Of image files, in the order in which they are tried; VOC itself has JPEGs only."""
_IN_CLASS = re.compile(r"\s+-?[01]$")
"""What stands behind a name in the lists of a class, ImageSets/Main: -1, 0 or 1."""


@dataclass(frozen=True)
class ListedImages:
    """The images of a list.

    Attributes:
        files: File of each image by its VOC name; one that is missing is among them.
        notes: What was found in another way than as it stands in the list.
    """

    files: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_list(listing: Path, folder: Path, setting: str) -> ListedImages:
    """The images that a list names.

    A line is a name, which may hold spaces: `2007_000032`; `2007_000032.jpg`; `2007_000032 -1` (ImageSets/Main); or
    `/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png`. A name that is not there as it stands is looked
    for among all images of the folder, as `match_images` does.

    Args:
        listing: The text file.
        folder: Where the images lie.
        setting: What named the list, for messages.

    Raises:
        InputError: The list cannot be read, or a line is no name below the folder.
    """
    found, elsewhere = ListedImages(), list[str]()
    for line in read_lines(listing, setting):
        path = next((path for path in _paths(folder, line, str(listing)) if is_there(path)), None)
        if path is None:
            elsewhere.append(line)
        else:
            _add(found, folder, path)
    if elsewhere:
        _search(folder, listing, elsewhere, found)
    return found


def _search(folder: Path, listing: Path, lines: list[str], found: ListedImages) -> None:
    """Find images that bear another name than their line; those that are not there are missing."""
    taken = set(found.files.values())
    there = (path for path in list_images(folder).images if path not in taken and is_there(path))
    files = {path.relative_to(folder).as_posix(): path for path in there}
    ids = list(files)
    names = {(line, place): name for line in lines for place, name in enumerate(_names(line))}
    matches = match_images(names, ids)
    by_line: dict[str, str] = {}
    for index, keys in matches.found.items():
        for line, _ in keys:
            by_line.setdefault(line, ids[index])
    for line in lines:
        if line in by_line:
            _add(found, folder, files[by_line[line]])
        else:
            stem = _stem(_IN_CLASS.sub("", _names(line)[0]))
            found.files[stem] = folder / f"{stem}.jpg"
    if by_line:
        example = next(iter(by_line))
        found.notes.append(
            f"{listing}: {len(by_line)} images found under other names than in the list, such as "
            f"{by_line[example]} for {example}"
        )


def _add(found: ListedImages, folder: Path, path: Path) -> None:
    found.files[_stem(path.relative_to(folder).as_posix())] = path


def _paths(folder: Path, line: str, where: str) -> Iterator[Path]:
    """The files that a line may mean, the likeliest first. Raises InputError where none of them lies in the folder."""
    plain = [name for name in _names(line) if _is_plain(name)]
    if not plain:
        check_relative(_names(line)[0], where)
    for name in plain:
        stem, suffix = name.rpartition(".")[::2] if _is_image(name) else (name, "")
        for ending in dict.fromkeys([suffix, *_ENDINGS] if suffix else _ENDINGS):
            yield folder / f"{stem}.{ending}"


def _names(line: str) -> list[str]:
    """The names that a line may hold: all of it, what stands before the first space, and before the last."""
    parts = [line, line.split(maxsplit=1)[0], *([line.rsplit(maxsplit=1)[0]] if " " in line else [])]
    forms = [form for part in parts for form in (part, part.replace("\\", "/"))]
    return list(dict.fromkeys(_without_folders(form) for form in forms))


def _without_folders(name: str) -> str:
    """A path as SBD's lists have them, without what leads to the image."""
    return name.rpartition("/JPEGImages/")[2] if "/JPEGImages/" in name else name.removeprefix("JPEGImages/")


def _stem(name: str) -> str:
    return name.rpartition(".")[0] if _is_image(name) else name


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def _is_plain(name: str) -> bool:
    try:
        check_relative(name, "")
    except InputError:
        return False
    return True
