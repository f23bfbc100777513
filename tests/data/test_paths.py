from pathlib import Path

import pytest

from maskdistill.data.errors import InputError
from maskdistill.data.paths import inside


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "root" / "images"
    (images / "sub").mkdir(parents=True)
    (tmp_path / "root" / "secret.jpg").touch()
    (images / "a.jpg").touch()
    return images


@pytest.mark.parametrize("name", ["a.jpg", "sub/b.jpg", "./a.jpg", "with space.jpg", "a..b.jpg", "10:00:00.jpg"])
def test_names_below_the_folder_are_joined(folder: Path, name: str) -> None:
    assert inside(folder, name, "list.txt") == folder / name


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../secret.jpg", "sub/../../secret.jpg", "..", "", ".", "..\\secret.jpg", "C:/x.jpg", "a\0.jpg"],
)
def test_names_that_leave_the_folder_are_refused(folder: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"list\.txt, line 3"):
        inside(folder, name, "list.txt, line 3")


def test_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "out.jpg").symlink_to(folder.parent / "secret.jpg")
    (folder / "up").symlink_to(folder.parent)
    for name in ("out.jpg", "up/secret.jpg"):
        with pytest.raises(InputError, match="link that leaves"):
            inside(folder, name, "list.txt")


def test_links_that_stay_inside_and_a_linked_folder_are_allowed(folder: Path, tmp_path: Path) -> None:
    (folder / "sub" / "alias.jpg").symlink_to(folder / "a.jpg")
    linked = tmp_path / "linked"
    linked.symlink_to(folder)
    assert inside(linked, "sub/alias.jpg", "list.txt") == linked / "sub" / "alias.jpg"
