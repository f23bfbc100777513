"""The legend of the gallery: every cluster, in its colour, inside the picture."""

import numpy as np
import pytest

from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.apps.drawing.legend import draw_legend, place


@pytest.mark.parametrize("width", [150, 400, 1400])
def test_every_cluster_is_there_in_its_colour(width: int) -> None:
    strip = draw_legend(["cross", *(f"cluster {i}" for i in range(1, 8))], width)
    assert strip.width == width
    pixels = {tuple(pixel) for pixel in np.asarray(strip).reshape(-1, 3).tolist()}
    assert {cluster_colour(cluster) for cluster in range(8)} <= pixels


def test_names_go_on_to_the_next_line() -> None:
    names = ["cross", "cluster 1", "star"]
    assert [entry.top > 0 for entry in place(names, 1000)] == [False, False, False]
    narrow = place(names, 60)
    assert [entry.left for entry in narrow] == [narrow[0].left] * 3
    assert narrow[0].top < narrow[1].top < narrow[2].top


def test_without_clusters_there_is_no_strip() -> None:
    assert draw_legend([], 300).size == (300, 0)
