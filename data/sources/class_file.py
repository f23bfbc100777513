"""A text file that names the classes of label PNGs, and the colours that stand for them where those are RGB."""

from pathlib import Path

from maskdistill.data.arrays import IGNORE
from maskdistill.data.errors import InputError
from maskdistill.data.sources.files import read_lines
from maskdistill.data.sources.palette import Palette

_IGNORED = "ignore"


def read_class_file(path: Path) -> tuple[tuple[str, ...], Palette | None]:
    """Read class names, background first, one per line: `NAME`, or `NAME R G B` in every line.

    A line `ignore R G B` is no class but names a colour of pixels that count nowhere.

    Returns:
        The names, and the colours where the file has them.

    Raises:
        InputError: The file cannot be read, has fewer than 2 or more than 254 classes, a name or a colour twice, or
            colours in some lines only.
    """
    entries = [_parse(line) for line in read_lines(path, "data.class_file")]
    names = tuple(name for name, colour in entries if not (name == _IGNORED and colour))
    if not 2 <= len(names) < IGNORE or len(set(names)) != len(names):
        raise InputError(f"{path}: 2 to {IGNORE - 1} different class names are needed, background first")
    coloured = [colour for _, colour in entries if colour]
    if not coloured:
        return names, None
    if len(coloured) != len(entries) or len(set(coloured)) != len(coloured):
        raise InputError(f"{path}: every line needs a colour of its own, as NAME R G B, or none may have one")
    values = {name: value for value, name in enumerate(names)}
    return names, Palette.of({colour: values.get(name, IGNORE) for name, colour in entries if colour})


def _parse(line: str) -> tuple[str, tuple[int, int, int] | None]:
    *words, red, green, blue = ["", "", "", *line.split()]
    name = " ".join(words).strip()
    if name and all(part.isdecimal() and int(part) < 256 for part in (red, green, blue)):
        return name, (int(red), int(green), int(blue))
    return " ".join(line.split()), None
