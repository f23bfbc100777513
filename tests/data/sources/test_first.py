"""The first images of each split of another source."""

from pathlib import Path

import numpy as np
import pytest

from helpers.sources import BlobSource, write_image
from maskdistill.data.config import FolderConfig, ScenesConfig
from maskdistill.data.sources.first import FirstImages
from maskdistill.data.sources.open import open_source


def test_each_split_is_cut_and_keeps_its_ground_truth() -> None:
    source = BlobSource(n_images=7, n_train=4)
    first = FirstImages(source, 2)
    assert (first.ids, first.n_train) == (("blob0", "blob1", "blob4", "blob5"), 2)
    assert [first.is_train(image_id) for image_id in first.ids] == [True, True, False, False]
    for i, original in enumerate((0, 1, 4, 5)):
        np.testing.assert_array_equal(first.read(i), source.read(original))
        np.testing.assert_array_equal(first.read_labels(i), source.read_labels(original))
        np.testing.assert_array_equal(first.read_boxes(i), source.read_boxes(original))
    assert first.class_names == source.class_names
    assert first.labels_fingerprint() == source.labels_fingerprint()


@pytest.mark.parametrize(("n_images", "expected"), [(1, (1, 2)), (3, (3, 5)), (99, (4, 6))])
def test_a_split_that_is_shorter_is_whole(n_images: int, expected: tuple[int, int]) -> None:
    first = FirstImages(BlobSource(n_images=6, n_train=4), n_images)
    assert (first.n_train, len(first)) == expected


def test_the_number_of_images_is_in_the_fingerprint() -> None:
    source = BlobSource()
    assert len({source.fingerprint(), *(FirstImages(source, n).fingerprint() for n in (1, 2, 4))}) == 4


def test_the_setting_cuts_any_source() -> None:
    source = open_source(ScenesConfig(kind="scenes", n_train=3, n_val=2, size=32, first=1))
    assert list(source.ids) == ["train/000000", "val/000000"]


def test_files_are_those_of_the_images(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_image(tmp_path / f"{name}.png", np.zeros((4, 4, 3), dtype=np.uint8))
    source = open_source(FolderConfig(kind="folder", root=tmp_path, first=2))
    assert [source.file(i) for i in range(len(source))] == [tmp_path / "a.png", tmp_path / "b.png"]
    assert FirstImages(BlobSource(), 2).file(0) is None
