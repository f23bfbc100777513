"""Which image of a source another program means by a file name."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Generic, TypeVar
from urllib.parse import unquote, urlsplit

from maskdistill.data.sources.suffixes import SUFFIXES

Key = TypeVar("Key", bound=Hashable)
Parts = tuple[str, ...]
"""Folders and last name of a path, without the suffix of an image."""
Forms = Callable[[str], Iterator[Parts]]
"""What a name may stand for, the likeliest first."""

SPELLING, SERVER, NUMBER = "spelt otherwise", "with the prefix or suffix of an annotation server", "by number"
_ROBOFLOW = re.compile(r"_(?:jpe?g|png|webp|bmp|tiff?)\.rf\.[0-9a-z]+$")
"""What stands behind a name there: `photo_jpg.rf.0123abcd.jpg`."""
_LOCAL_FILE = "/local-files/?d="
"""What Label Studio puts before the path of a file, which follows in the form of a URL."""
_FEWEST = 4
"""Characters that a name has to keep where its beginning is taken for the prefix of a server."""


@dataclass(frozen=True)
class Matches(Generic[Key]):
    """Images by what they are called elsewhere.

    Attributes:
        found: The keys of each image's names by its index; more than one where it is listed twice under one name.
        remedies: How many names were understood in another way than letter by letter, by the way.
        ambiguous: Keys of names that may mean several images, or an image that another name means.
    """

    found: dict[int, list[Key]] = field(default_factory=dict)
    remedies: dict[str, int] = field(default_factory=dict)
    ambiguous: list[Key] = field(default_factory=list)


def match_images(names: Mapping[Key, str], image_ids: Sequence[str]) -> Matches[Key]:
    """Find each named image among some image ids.

    A name means the image whose id it is. Failing that, it means the image whose id is the end of the name, or whose id
    ends with the name, folder by folder and without the suffix of an image: `JPEGImages/2007_000032.jpg` means
    `2007_000032`, and `000000000009.jpg` means `train2017/000000000009.jpg`. Failing that, the same whatever the case,
    the Unicode normal form and the form of a URL; then without what annotation servers put before or behind a name; and
    last, a bare number means the image that has it for a name. Each only where one image alone fits, which no other
    name means. No name is ever opened as a path.

    Args:
        names: File names by any key.
        image_ids: Ids of the images there are.
    """
    matches: Matches[Key] = Matches()
    exact = {image_id: i for i, image_id in enumerate(image_ids)}
    left = dict(names)
    for way, forms, form_of_id in _WAYS:
        index = _Index(image_ids, form_of_id, set(matches.found))
        meant: dict[int, list[Key]] = defaultdict(list)
        for key, name in list(left.items()):
            images = [exact[name]] if way is None and name in exact else index.find(forms(name))
            if images:
                del left[key]
            if len(images) == 1:
                meant[images[0]].append(key)
            elif images:
                matches.ambiguous.append(key)
        for i, keys in meant.items():
            kept = _of_one_name(keys, names, image_ids[i])
            matches.ambiguous.extend(key for key in keys if key not in kept)
            if kept:
                matches.found[i] = kept
                if way is not None:
                    matches.remedies[way] = matches.remedies.get(way, 0) + len(kept)
    return matches


class _Index:
    """Images by the last part of their names, in one form."""

    def __init__(self, image_ids: Sequence[str], form: Callable[[str], Parts], taken: set[int]) -> None:
        self._by_last: dict[str, list[tuple[int, Parts]]] = defaultdict(list)
        for i, image_id in enumerate(image_ids):
            parts = form(image_id) if i not in taken else ()
            if parts:
                self._by_last[parts[-1]].append((i, parts))

    def find(self, forms: Iterator[Parts]) -> list[int]:
        """The images that the first form fits which fits any."""
        for parts in forms:
            if parts and (found := [i for i, own in self._by_last[parts[-1]] if _fit(own, parts)]):
                return found
        return []


def _of_one_name(keys: list[Key], names: Mapping[Key, str], image_id: str) -> list[Key]:
    """The keys under which an image is listed, where it is by one name only or by its very id; else none."""
    own = [key for key in keys if names[key] == image_id]
    return own or (keys if len({_parts(names[key]) for key in keys}) == 1 else [])


def _parts(name: str) -> Parts:
    path = PurePosixPath(name.replace("\\", "/"))
    stem = path.stem if path.suffix.lower() in SUFFIXES else path.name
    return (*(part for part in path.parts[:-1] if part != "."), stem) if path.parts else ()


def _spelt(name: str) -> Parts:
    try:
        address = urlsplit(name)
        if address.scheme in ("http", "https", "s3", "gs", "file"):
            name = unquote(address.path)
        elif _LOCAL_FILE in name:
            name = unquote(name.rpartition(_LOCAL_FILE)[2])
    except ValueError:  # no address, whatever it looks like
        pass
    return _parts(unicodedata.normalize("NFC", name.strip()).casefold())


def _without_server(name: str) -> Iterator[Parts]:
    """The last name without a suffix that a server gave it, then without ever longer beginnings."""
    spelt = "".join(_spelt(name)[-1:])
    last = _ROBOFLOW.sub("", spelt)
    if last != spelt:
        yield (last,)
    for separator in re.finditer(r"[-_.@+ ]+", last):
        if len(last) - separator.end() >= _FEWEST:
            yield (last[separator.end() :],)


def _number(name: str) -> Parts:
    return (str(int(name)),) if name.isascii() and name.isdecimal() else ()


def _last_number(name: str) -> Parts:
    return _number("".join(_parts(name)[-1:]))


def _fit(first: Parts, second: Parts) -> bool:
    shorter = min(len(first), len(second))
    return first[-shorter:] == second[-shorter:]


def _one(form: Callable[[str], Parts]) -> Forms:
    return lambda name: iter((form(name),))


_WAYS: tuple[tuple[str | None, Forms, Callable[[str], Parts]], ...] = (
    (None, _one(_parts), _parts),
    (SPELLING, _one(_spelt), _spelt),
    (SERVER, _without_server, _spelt),
    (NUMBER, _one(_number), _last_number),
)
"""Each way to understand a name, its forms, and the form of an image id that these are compared with."""
