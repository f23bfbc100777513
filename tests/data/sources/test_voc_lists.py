"""Lists of VOC as people and programs write them, and the images that their lines mean."""

import unicodedata
from pathlib import Path

import pytest

from helpers.sources import write_images
from maskdistill.data.config import VocConfig
from maskdistill.data.errors import InputError
from maskdistill.data.sources.voc import VocSource

NFC = unicodedata.normalize("NFC", "Müller 0")


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
        ("2007_000032\n2007_000039\n".encode("utf-16-le"), "2007_000032.jpg"),
        ("2007_000032\n2007_000039\n".encode("utf-16-be"), "2007_000032.jpg"),
        (b"JPEGImages\\2007_000032.jpg\n2007_000039", "2007_000032.jpg"),
        (b"2007_000032\n2007_000039", "2007_000032.Jpg"),
        (b"IMG_0001\n2007_000039", "img_0001.jpg"),
        (NFC.encode() + b"\n2007_000039", unicodedata.normalize("NFD", NFC) + ".jpg"),
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


@pytest.mark.parametrize("line", ["2007_000033", "2007_000033 -1", "x" * 5000, "Müller 3"])
def test_an_image_that_is_missing_is_one_of_its_own(tmp_path: Path, line: str) -> None:
    source = open_list(tmp_path, f"2007_000039\n{line}", max_failure_rate=0.5)
    assert len(source) == 2
    assert "1 of 2 images are missing" in source.notes[0]


def test_links_are_followed_and_a_dangling_one_is_a_missing_image(tmp_path: Path) -> None:
    write_images(tmp_path / "elsewhere", ["a.jpg"])
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "JPEGImages" / "a.jpg").symlink_to(tmp_path / "elsewhere" / "a.jpg")
    (tmp_path / "JPEGImages" / "b.jpg").symlink_to("/nowhere.jpg")
    source = open_list(tmp_path, "a\nb\n2007_000039", max_failure_rate=0.5)
    assert source.read(source.index("a")).shape == (4, 6, 3)
    assert "1 of 3 images are missing" in source.notes[0]
    with pytest.raises(InputError, match=r"1 of 3 images are missing: .*b\.jpg; .*data\.max_failure_rate"):
        open_list(tmp_path, "a\nb\n2007_000039")


@pytest.mark.parametrize("line", ["../../x", "/etc/passwd", "..\\x"])
def test_a_line_that_leads_out_of_the_folder_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match=r"train\.txt: .* is not a plain path below its folder"):
        open_list(tmp_path, f"2007_000039\n{line}")


def open_list(root: Path, content: str, **settings: object) -> VocSource:
    write_images(root / "JPEGImages", ["2007_000039.jpg"])
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True, exist_ok=True)
    (lists / "train.txt").write_text(content, encoding="utf-8")
    return VocSource(VocConfig.model_validate({"kind": "voc", "root": root, "val_split": None, **settings}))
