"""The colours in which clusters are drawn, the same in every picture, on the page and in the report.

They are even steps in OKLCH (B. Ottosson, 2020): hues 45 degrees apart, and for each the lightness that keeps the first
eight of them farthest apart for people with normal sight, protanopia, deuteranopia and tritanopia alike.
"""

import math
from functools import lru_cache

from maskdistill.data.arrays import IGNORE

RGB = tuple[int, int, int]
NO_CLUSTER: RGB = (255, 90, 40)
_HUE_AND_LIGHTNESS = (
    (270, 0.68),
    (45, 0.76),
    (135, 0.52),
    (0, 0.60),
    (90, 0.92),
    (180, 0.76),
    (315, 0.52),
    (225, 0.92),
)
"""Blue, orange, green, rose, yellow, teal, violet, sky: neighbours in this list differ most."""
_CHROMA = 0.2
_GOLDEN = 0.618033988749895
_DARKEST, _LIGHTEST = 0.48, 0.94


@lru_cache(maxsize=1024)
def cluster_colour(cluster: int) -> RGB:
    """RGB 0-255 of a cluster; from the ninth on, hue and lightness lie between those of the first eight."""
    if cluster < 0:
        return NO_CLUSTER
    turn, place = divmod(cluster, len(_HUE_AND_LIGHTNESS))
    hue, lightness = _HUE_AND_LIGHTNESS[place]
    if turn:
        hue += round(turn * _GOLDEN * 45) % 45
        span = _LIGHTEST - _DARKEST
        lightness = _DARKEST + (lightness - _DARKEST + turn * _GOLDEN * span) % span
    return _in_gamut(lightness, math.radians(hue))


def css_colour(cluster: int) -> str:
    """The colour of a cluster, as CSS writes it."""
    return "rgb({} {} {})".format(*cluster_colour(cluster))


def label_palette() -> list[int]:
    """RGB of the 256 label values, one after the other: background black, cluster c (value c + 1), ignored white."""
    colours = [(0, 0, 0), *(cluster_colour(value - 1) for value in range(1, IGNORE)), (255, 255, 255)]
    return [channel for colour in colours for channel in colour]


def _in_gamut(lightness: float, hue: float) -> RGB:
    """The most colourful RGB of a lightness, 0-1, and hue, radians, up to a chroma of _CHROMA."""
    low, high = 0.0, _CHROMA
    for _ in range(20):
        middle = (low + high) / 2
        fits = all(0 <= channel <= 1 for channel in _linear_rgb(lightness, middle, hue))
        low, high = (middle, high) if fits else (low, middle)
    red, green, blue = (round(255 * _encoded(channel)) for channel in _linear_rgb(lightness, low, hue))
    return red, green, blue


def _linear_rgb(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    """OKLCH to linear sRGB, by the matrices of its definition."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _encoded(channel: float) -> float:
    """Linear light, 0-1, as sRGB stores it."""
    return 12.92 * channel if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055
