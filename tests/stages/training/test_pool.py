"""The training images at one size, decoded once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maskdistill.data.sources.image_source import ImageSource
from maskdistill.stages.progress import Silent
from maskdistill.stages.training.pool import open_pool, pool_samples, remove_pool, square


def test_square() -> None:
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 2:6] = 9  # the middle
    assert (square(pixels, 2) == 9).all()
    assert square(pixels.transpose(1, 0, 2), 3).shape == (3, 3, 3)


def test_pool_holds_the_readable_training_images(make_source: Callable[..., ImageSource], tmp_path: Path) -> None:
    source: Any = make_source(6, 4, unreadable=(1,))
    pool, failures = open_pool(source, 32, tmp_path / "images.npy", Silent())
    assert pool.shape == (3, 3, 32, 32)
    assert list(failures) == ["blob1"]
    assert set(source.reads) == {0, 1, 2, 3}
    np.testing.assert_array_equal(pool[1], square(source.read(2), 32).transpose(2, 0, 1))
    source.reads.clear()
    again, failures_again = open_pool(source, 32, tmp_path / "images.npy", Silent())
    np.testing.assert_array_equal(again, pool)
    assert failures_again == failures
    assert source.reads == []  # decoded once
    del pool, again
    remove_pool(tmp_path / "images.npy")
    assert list(tmp_path.iterdir()) == []


def test_samples_bear_the_ids_of_their_images(make_source: Callable[..., ImageSource], tmp_path: Path) -> None:
    source = make_source(6, 4, unreadable=(1,))
    pool, failures = open_pool(source, 32, tmp_path / "images.npy", Silent())
    samples = pool_samples(source, pool, failures, seed=0)
    first_epoch = dict(samples[n] for n in range(3))
    assert sorted(first_epoch) == ["blob0", "blob2", "blob3"]
    for index in (0, 2, 3):
        expected = square(source.read(index), 32).transpose(2, 0, 1)
        assert torch.equal(first_epoch[f"blob{index}"], torch.from_numpy(expected.copy()))
