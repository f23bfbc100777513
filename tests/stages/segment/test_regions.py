"""Each connected region takes one class."""

import numpy as np
from numpy.typing import NDArray

from maskdistill.stages.segment.regions import unite_regions


def scores_of(labels: NDArray[np.uint8], n_classes: int, strength: float = 4.0) -> NDArray[np.float32]:
    """Logits that make each px its own class."""
    return np.moveaxis(strength * np.eye(n_classes, dtype=np.float32)[labels], -1, 0)


def test_a_region_becomes_what_most_of_it_is() -> None:
    labels = np.zeros((6, 9), dtype=np.uint8)
    labels[1:5, 1:4] = 1
    labels[1, 1:4] = 2
    labels[2:4, 6:8] = 3
    united = unite_regions(labels, [(slice(None), scores_of(labels, 4))])
    assert (united[1:5, 1:4] == 1).all()
    assert (united[2:4, 6:8] == 3).all()
    assert ((united > 0) == (labels > 0)).all()


def test_probabilities_count_and_not_pixels() -> None:
    """Two px that are sure outweigh three that hardly are; background has no say."""
    labels = np.array([[1, 1, 1, 2, 2]], dtype=np.uint8)
    scores = np.zeros((3, 1, 5), dtype=np.float32)
    scores[1, 0, :3] = 0.1
    scores[2, 0, 3:] = 5
    scores[0] = -1
    assert (unite_regions(labels, [(slice(None), scores)]) == 2).all()


def test_touching_corners_are_two_regions() -> None:
    labels = np.array([[1, 0], [0, 2]], dtype=np.uint8)
    assert np.array_equal(unite_regions(labels, [(slice(None), scores_of(labels, 3))]), labels)


def test_without_any_region_nothing_changes() -> None:
    labels = np.zeros((3, 3), dtype=np.uint8)
    assert np.array_equal(unite_regions(labels, [(slice(None), scores_of(labels, 3))]), labels)
