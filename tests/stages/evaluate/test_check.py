"""The ground truth is looked at before the work that it is to score."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.sources import BlobSource, MemorySource, write_image
from maskdistill.data.config import FolderConfig
from maskdistill.data.errors import InputError
from maskdistill.data.sources.folder import FolderSource
from maskdistill.stages.evaluate.check import check_truth


def labelled(tmp_path: Path, value: int, suffix: str = "png", size_hw: tuple[int, int] = (8, 12)) -> FolderSource:
    """Three images, each with a label map that holds 0 and one other value."""
    labels = np.zeros(size_hw, dtype=np.uint8)
    labels[2:4, 3:6] = value
    (tmp_path / "labels").mkdir()
    for name in "abc":
        write_image(tmp_path / "images" / f"{name}.jpg", size_hw=(8, 12))
        Image.fromarray(labels).save(tmp_path / "labels" / f"{name}.{suffix}")
    fields = {"root": tmp_path / "images", "labels": tmp_path / "labels", "class_names": ("background", "thing")}
    return FolderSource(FolderConfig.model_validate({"kind": "folder", **fields}))


def test_good_labels_need_no_word(tmp_path: Path) -> None:
    assert check_truth(labelled(tmp_path, 1)) == []
    assert check_truth(BlobSource()) == []


def test_images_without_labels_are_not_read() -> None:
    source = MemorySource({"a": np.zeros((4, 4, 3), dtype=np.uint8)})
    assert (check_truth(source), source.reads) == ([], [])


def test_labels_of_0_and_255_alone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.labels: .* of 3 images .* hold 0 and 255 alone.*write 1 for the obj"):
        check_truth(labelled(tmp_path, 255))


def test_labels_of_background_alone_are_said(tmp_path: Path) -> None:
    assert check_truth(labelled(tmp_path, 0)) == [
        "ground truth: the label maps of 3 images that were looked at are all background"
    ]


def test_jpegs_are_no_labels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none of the 3 images; that of a\.jpg would be .*a\.png.*JPEG"):
        check_truth(labelled(tmp_path, 1, "jpg"))


def test_labels_of_another_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png: a label map of 6 x 4 px, but its image has 12 x 8 px"):
        check_truth(labelled(tmp_path, 1, size_hw=(4, 6)))


def test_only_some_images_are_looked_at(tmp_path: Path) -> None:
    source = labelled(tmp_path, 1)
    (tmp_path / "labels" / "b.png").write_bytes(b"no image")
    assert check_truth(source, n_images=2) == []
    with pytest.raises(InputError, match=r"b\.png"):
        check_truth(source, n_images=3)
