"""What is found in a folder, and what is left out aloud."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.sources import write_image, write_images
from maskdistill.data.config import FolderConfig
from maskdistill.data.errors import InputError
from maskdistill.data.sources.folder import FolderSource
from maskdistill.data.sources.listing import list_images


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_images(tmp_path / "root", ["a.jpg", "sub/b.png"])


def names_below(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in list_images(root).images)


def test_links_to_folders_are_followed(root: Path, tmp_path: Path) -> None:
    write_images(tmp_path / "elsewhere", ["c.jpg", "deep/d.jpg"])
    (root / "batch").symlink_to(tmp_path / "elsewhere")
    assert names_below(root) == ["a.jpg", "batch/c.jpg", "batch/deep/d.jpg", "sub/b.png"]
    assert not list_images(root).skipped.total


LOOPS: dict[str, Callable[[Path], str | Path]] = {
    "to itself": lambda root: root,
    "to the folder above": lambda root: root.parent,
    "to a folder that is read": lambda root: root / "sub",
    "relative": lambda root: "sub",
}


@pytest.mark.parametrize("target", LOOPS.values(), ids=LOOPS.keys())
def test_no_folder_is_read_twice(root: Path, target: Callable[[Path], str | Path]) -> None:
    (root / "again").symlink_to(target(root))
    listing = list_images(root)
    assert names_below(root) == ["a.jpg", "sub/b.png"]
    assert str(listing.skipped) == "1 links to folders that are read already (again)"


def test_two_links_to_one_folder_are_one(root: Path, tmp_path: Path) -> None:
    write_images(tmp_path / "elsewhere", ["c.jpg"])
    for name in ("x", "y"):
        (root / name).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(root)
    assert names_below(root) == ["a.jpg", "sub/b.png", "x/c.jpg"]


def test_the_validation_folder_may_be_a_link(root: Path, tmp_path: Path) -> None:
    write_images(tmp_path / "elsewhere", ["c.jpg"])
    (root / "val").symlink_to(tmp_path / "elsewhere")
    source = FolderSource(FolderConfig(kind="folder", root=root, val="val"))
    assert (list(source.ids), source.n_train) == (["a.jpg", "sub/b.png", "val/c.jpg"], 2)


@pytest.mark.parametrize("name", ["IMG_1.HEIC", "x.dng", "y.jxl", "z.CR2", "film.mp4"])
def test_pictures_that_are_not_read_are_counted(root: Path, name: str) -> None:
    (root / "sub" / name).touch()
    suffix = Path(name).suffix.lower()
    source = FolderSource(FolderConfig(kind="folder", root=root))
    assert source.notes == (f"{root}: left out 1 {suffix} files (sub/{name})",)


@pytest.mark.parametrize("name", ["@eaDir/a.jpg/SYNOPHOTO_THUMB_S.jpg", "__MACOSX/x.jpg", "#recycle/x.jpg", "._a.jpg"])
def test_what_systems_leave_behind_is_no_picture(root: Path, name: str) -> None:
    write_image(root / name)
    assert names_below(root) == ["a.jpg", "sub/b.png"]


def test_a_folder_of_other_pictures_alone_says_so(tmp_path: Path) -> None:
    for i in range(20):
        (tmp_path / f"IMG_{i:02d}.HEIC").touch()
    with pytest.raises(
        InputError, match=r"data\.root: .*left out 20 \.heic files \(IMG_00\.HEIC, IMG_01\.HEIC, .*convert"
    ):
        FolderSource(FolderConfig(kind="folder", root=tmp_path))


def test_a_dangling_link_that_may_be_a_folder_is_counted(root: Path) -> None:
    (root / "sub" / "batch").symlink_to("/nowhere")
    (root / "README").symlink_to(root / "a.jpg")
    assert str(list_images(root).skipped) == "1 links to what is not there (sub/batch)"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read_is_counted(root: Path) -> None:
    (root / "sub").chmod(0)
    assert "1 folders that cannot be read: Permission denied (sub)" in str(list_images(root).skipped)
    (root / "sub").chmod(0o700)


def test_a_dangling_link_is_a_missing_image(root: Path) -> None:
    (root / "gone.jpg").symlink_to("/nowhere.jpg")
    with pytest.raises(InputError, match=r"1 of 3 images are missing: .*gone\.jpg; .*data\.max_failure_rate \(0\.01\)"):
        FolderSource(FolderConfig(kind="folder", root=root))
    source = FolderSource(FolderConfig(kind="folder", root=root, max_failure_rate=0.5))
    assert "1 of 3 images are missing" in source.notes[0]
