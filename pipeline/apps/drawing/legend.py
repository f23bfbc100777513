"""What the colours of a picture mean: a square of each cluster's colour, and its name beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from maskdistill.pipeline.apps.drawing.colours import cluster_colour

FONT_SIZE = 14
_SQUARE, _MARGIN, _LINE = 12, 8, 22
_PAPER, _INK = (24, 24, 24), (235, 235, 235)


@dataclass(frozen=True)
class Entry:
    """A name and where it stands, px from the top left corner."""

    cluster: int
    name: str
    left: int
    top: int


def draw_legend(names: Sequence[str], width: int) -> Image.Image:
    """A strip with all clusters, over as many lines as they need.

    Args:
        names: Of all clusters, in order; of none the strip is 0 px high.
        width: Of the strip, px.
    """
    entries = place(names, width)
    strip = Image.new("RGB", (width, entries[-1].top + _LINE if entries else 0), _PAPER)
    draw = ImageDraw.Draw(strip)
    for entry in entries:
        top = entry.top + (_LINE - _SQUARE) // 2
        square = (entry.left, top, entry.left + _SQUARE - 1, top + _SQUARE - 1)
        draw.rectangle(square, fill=cluster_colour(entry.cluster))
        draw.text((entry.left + _SQUARE + _MARGIN, entry.top + 2), entry.name, fill=_INK, font_size=FONT_SIZE)
    return strip


def place(names: Sequence[str], width: int) -> list[Entry]:
    """Where the names go: from left to right, and on to the next line where one would end beyond `width` px."""
    measure = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    entries: list[Entry] = []
    left, top = _MARGIN, 0
    for cluster, name in enumerate(names):
        long = _SQUARE + _MARGIN + round(measure.textlength(name, font_size=FONT_SIZE))
        if entries and left + long > width:
            left, top = _MARGIN, top + _LINE
        entries.append(Entry(cluster, name, left, top))
        left += long + 2 * _MARGIN
    return entries
