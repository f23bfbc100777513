"""Which image of a source another program means by a file name."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TypeVar

from maskdistill.data.errors import InputError
from maskdistill.data.sources.folder import SUFFIXES

Key = TypeVar("Key", bound=Hashable)


def match_images(names: Mapping[Key, str], image_ids: Sequence[str], where: str) -> dict[int, Key]:
    """Find each named image among some image ids.

    A name means the image whose id it is. Failing that, it means the image whose id is the end of the name, or whose id
    ends with the name, folder by folder and without the suffix of an image: `JPEGImages/2007_000032.jpg` means
    `2007_000032`, and `000000000009.jpg` means `train2017/000000000009.jpg`. No name is ever opened as a path.

    Args:
        names: File names by any key.
        image_ids: Ids of the images there are.
        where: What holds the names, for messages.

    Returns:
        Key by index into `image_ids`, for the images that are named.

    Raises:
        InputError: A name means several images, or two names mean the same one.
    """
    exact = {image_id: i for i, image_id in enumerate(image_ids)}
    by_last: dict[str, list[int]] = defaultdict(list)
    parts = [_parts(image_id) for image_id in image_ids]
    for i, image_parts in enumerate(parts):
        by_last[image_parts[-1]].append(i)
    found: dict[int, Key] = {}
    for key, name in names.items():
        name_parts = _parts(name)
        meant = [exact[name]] if name in exact else [i for i in by_last[name_parts[-1]] if _fit(parts[i], name_parts)]
        if len(meant) > 1:
            raise InputError(
                f"{where}: {name!r} may mean {image_ids[meant[0]]} or {image_ids[meant[1]]}; add its folder"
            )
        for i in meant:
            if i in found:
                raise InputError(f"{where}: {names[found[i]]!r} and {name!r} both mean the image {image_ids[i]}")
            found[i] = key
    return found


def _parts(name: str) -> tuple[str, ...]:
    path = PurePosixPath(name.replace("\\", "/"))
    stem = path.stem if path.suffix.lower() in SUFFIXES else path.name
    return (*path.parts[:-1], stem)


def _fit(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    shorter = min(len(first), len(second))
    return first[-shorter:] == second[-shorter:]
