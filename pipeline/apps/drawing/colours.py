"""The colours in which clusters are drawn, the same in every picture."""

import colorsys

from maskdistill.data.arrays import IGNORE

_GOLDEN_ANGLE = 0.618033988749895


def cluster_colour(cluster: int) -> tuple[int, int, int]:
    """RGB 0-255 of a cluster; neighbours are far apart in hue. Cluster -1 (none) is orange-red."""
    if cluster < 0:
        return (255, 90, 40)
    hue = (0.02 + cluster * _GOLDEN_ANGLE) % 1.0
    saturation = (0.85, 0.55)[cluster // 12 % 2]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def css_colour(cluster: int) -> str:
    """The colour of a cluster, as CSS writes it."""
    return "rgb({} {} {})".format(*cluster_colour(cluster))


def label_palette() -> list[int]:
    """RGB of the 256 label values, one after the other: background black, cluster c (value c + 1), ignored white."""
    colours = [(0, 0, 0), *(cluster_colour(value - 1) for value in range(1, IGNORE)), (255, 255, 255)]
    return [channel for colour in colours for channel in colour]
