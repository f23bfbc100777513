"""Lists of VOC as people and programs write them, and the images that their lines mean."""

from pathlib import Path

import pytest

from helpers.sources import write_images
from maskdistill.data.config import VocConfig
from maskdistill.data.sources.voc import VocSource


@pytest.mark.parametrize(
    ("content", "on_disk"),
    [
        ("2007_000032\n2007_000039\n".encode("utf-8-sig"), "2007_000032.jpg"),
        (b"2007_000032\r\n2007_000039\r\n", "2007_000032.jpg"),
        ("2007_000032\n2007_000039\n".encode("utf-16"), "2007_000032.jpg"),
        (b"2007_000032.jpg\n2007_000039.jpg", "2007_000032.jpg"),
        (b"2007_000032\n2007_000039", "2007_000032.JPG"),
        (b"2007_000032\n2007_000039", "2007_000032.png"),
        (b"2007_000032.png\n2007_000039.jpg", "2007_000032.png"),
        (b"my photo 1\n2007_000039", "my photo 1.jpg"),
        (b"my photo 1 -1\n2007_000039  1", "my photo 1.jpg"),
        (b"my photo.jpg\n2007_000039", "my photo.jpg"),
    ],
)
def test_lists_are_read_as_programs_write_them(tmp_path: Path, content: bytes, on_disk: str) -> None:
    write_images(tmp_path / "JPEGImages", [on_disk, "2007_000039.jpg"])
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_bytes(content)
    source = VocSource(VocConfig(kind="voc", root=tmp_path, val_split=None))
    name = Path(on_disk).stem
    assert sorted(source.ids) == sorted(["2007_000039", name])
    assert source.file(source.index(name)) == tmp_path / "JPEGImages" / on_disk
    assert source.read(0).shape == (4, 6, 3)
