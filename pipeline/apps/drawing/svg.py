"""Drawing plots as SVG: a frame with axes, and the marks in it. Colours are the page's, through CSS classes.

Text is escaped by ElementTree; the page's style sheet says how each class looks in light and in dark.
"""

from collections.abc import Sequence
from math import floor, log10
from xml.etree import ElementTree

import numpy as np
from numpy.typing import ArrayLike

Range = tuple[float, float]
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 40


class Drawing:
    """An SVG image of a width and height in px, and what is drawn on it."""

    def __init__(self, width: float, height: float, summary: str) -> None:
        self.root = ElementTree.Element("svg", viewBox=f"0 0 {width:g} {height:g}", role="img")
        self.root.set("aria-label", summary)
        self.root.set("style", f"--width:{width:g}px")

    def add(self, tag: str, text: str = "", **attributes: object) -> None:
        """Draw an element; underscores in names stand for hyphens, and `css` for class."""
        names = {"css": "class"}
        values = {names.get(name, name.replace("_", "-")): _number(value) for name, value in attributes.items()}
        ElementTree.SubElement(self.root, tag, values).text = text or None

    def markup(self) -> str:
        """The image as text, to stand in a page."""
        return ElementTree.tostring(self.root, encoding="unicode")


class Plot(Drawing):
    """A plot with axes: grid, ticks, labels and marks in the units of the data."""

    def __init__(
        self, x_range: Range, y_range: Range, labels: tuple[str, str], summary: str, size: tuple[int, int] = (460, 270)
    ) -> None:
        super().__init__(*size, summary)
        self.x_range, self.y_range = _widen(x_range), _widen(y_range)
        self.right, self.bottom = size[0] - _RIGHT, size[1] - _BOTTOM
        for value in ticks(self.y_range):
            y = self.y(value)
            self.add("line", css="grid", x1=_LEFT, x2=self.right, y1=y, y2=y)
            self.add("text", f"{value:g}", css="tick", x=_LEFT - 6, y=y + 4, text_anchor="end")
        for value in ticks(self.x_range, 6):
            self.add("text", f"{value:g}", css="tick", x=self.x(value), y=self.bottom + 16, text_anchor="middle")
        self.add("line", css="axis", x1=_LEFT, x2=self.right, y1=self.bottom, y2=self.bottom)
        middle = (_LEFT + self.right) / 2
        self.add("text", labels[0], css="label", x=middle, y=size[1] - 6, text_anchor="middle")
        height = (_TOP + self.bottom) / 2
        turn = f"rotate(-90 11 {height:g})"
        self.add("text", labels[1], css="label", x=11, y=height, text_anchor="middle", transform=turn)

    def x(self, value: float) -> float:
        """Horizontal place of a value, px."""
        low, high = self.x_range
        return _LEFT + (value - low) / (high - low) * (self.right - _LEFT)

    def y(self, value: float) -> float:
        """Vertical place of a value, px; values beyond the range stand at its edge."""
        low, high = self.y_range
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return self.bottom - share * (self.bottom - _TOP)

    def line(self, xs: ArrayLike, ys: ArrayLike, css: str) -> None:
        """A line through points."""
        pairs = zip(np.asarray(xs).tolist(), np.asarray(ys).tolist(), strict=True)
        self.add("polyline", css=css, points=" ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in pairs))

    def bar(self, low: float, high: float, value: float, css: str = "bar") -> None:
        """A bar from `low` to `high` on the horizontal axis, from the bottom up to a value."""
        x, y = self.x(low), self.y(value)
        self.add("rect", css=css, x=x + 1, y=y, width=max(1.0, self.x(high) - x - 2), height=self.bottom - y)

    def mark_x(self, value: float, text: str) -> None:
        """A vertical line at a value, with its name."""
        x = self.x(value)
        self.add("line", css="mark", x1=x, x2=x, y1=_TOP, y2=self.bottom)
        right = x > (_LEFT + self.right) / 2
        anchor = {"x": x - 5, "text_anchor": "end"} if right else {"x": x + 5, "text_anchor": "start"}
        self.add("text", text, css="mark-label", y=_TOP + 10, **anchor)


def ticks(limits: Range, most: int = 5) -> list[float]:
    """Round values inside a range, about as many as wanted."""
    low, high = limits
    raw = (high - low) / most
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = np.ceil(low / step - 1e-9)
    last = np.floor(high / step + 1e-9)
    # Adding 0 makes of -0 a 0.
    return [float(round(index * step, 10)) + 0.0 for index in np.arange(first, last + 1)]


def series_colour(index: int) -> str:
    """CSS colour of the nth line of a plot."""
    return f"var(--series-{1 + index % 6})"


def extent(values: Sequence[float]) -> Range:
    """Smallest and largest value."""
    return float(np.min(values)), float(np.max(values))


def _widen(limits: Range) -> Range:
    low, high = limits
    return (low, high) if high > low else (low, low + 1)


def _number(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
