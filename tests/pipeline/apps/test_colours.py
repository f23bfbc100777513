"""Colours of clusters can be told apart, also by people who see fewer of them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from maskdistill.pipeline.apps.drawing.colours import cluster_colour, label_palette

SIGHT = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""What is seen of linear RGB: Machado, Oliveira and Fernandes 2009, severity 1."""
LMS = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
LAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]


def distances(n: int, sight: str) -> NDArray[np.float64]:
    """Smallest distance in OKLab, (n,), from each of the first n colours to another one."""
    encoded = np.asarray([cluster_colour(cluster) for cluster in range(n)]) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.asarray(SIGHT[sight]).T, 0, 1)
    lab = np.cbrt(seen @ np.asarray(LMS).T) @ np.asarray(LAB).T
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    return np.asarray((apart + np.eye(n) * 9).min(axis=1))


@pytest.mark.parametrize("sight", SIGHT)
def test_eight_colours_are_far_apart_for_everybody(sight: str) -> None:
    assert distances(8, sight).min() > 0.11


def test_twenty_colours_are_apart() -> None:
    assert distances(20, "normal").min() > 0.04


def test_no_two_labels_share_a_colour() -> None:
    colours = np.reshape(label_palette(), (256, 3)).tolist()
    assert len(set(map(tuple, colours))) == 256
    assert (255, 90, 40) not in set(map(tuple, colours))
