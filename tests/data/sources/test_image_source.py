"""What every source of images has: positions and splits by image id."""

import numpy as np
import pytest

from helpers.sources import MemorySource
from maskdistill.data.errors import UnreadableImage


@pytest.fixture
def source() -> MemorySource:
    images = {name: np.full((2, 3, 3), i, dtype=np.uint8) for i, name in enumerate(("a", "b", "c"))}
    return MemorySource(images, n_train=2, unreadable=[2])


def test_images_are_found_by_their_id(source: MemorySource) -> None:
    assert len(source) == 3
    assert [source.index(image_id) for image_id in source.ids] == [0, 1, 2]
    with pytest.raises(KeyError):
        source.index("d")


def test_an_image_that_the_source_lacks_is_no_training_image(source: MemorySource) -> None:
    assert [source.is_train(image_id) for image_id in ("a", "b", "c", "d")] == [True, True, False, False]
    are_train = source.are_train(["d", "b", "c"])
    assert are_train.dtype == bool
    assert are_train.tolist() == [False, True, False]
    assert source.are_train([]).shape == (0,)


def test_without_ground_truth_there_is_none(source: MemorySource) -> None:
    assert source.class_names is None
    assert source.labels_fingerprint() is None
    assert (source.read_labels(0), source.read_boxes(0), source.read_instances(0)) == (None, None, None)


def test_a_change_to_what_was_read_changes_no_image(source: MemorySource) -> None:
    source.read(1)[:] = 99
    assert source.read(1).max() == 1
    with pytest.raises(UnreadableImage, match="c"):
        source.read(2)
    assert source.reads == [1, 1, 2]
