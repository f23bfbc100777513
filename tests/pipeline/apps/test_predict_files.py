"""Where `maskdistill predict` writes: nowhere else, and over nothing that is not its own."""

from pathlib import Path

import pytest

from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.export.label_pngs import png_names
from maskdistill.pipeline.apps.predict.files import check_names, prepare_out


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder."""
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


def test_nothing_is_written_among_the_images(images: Path) -> None:
    with pytest.raises(InputError, match="lies in"):
        prepare_out(images / "out", [images], force=True)
    assert not (images / "out").exists()


def test_a_folder_that_cannot_be_made_is_named(images: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"--out .*cannot be made .*name another folder"):
        prepare_out(tmp_path / "file" / "out", [images], force=False)


@pytest.mark.parametrize("name", ["a:b.jpg", "a\\b.jpg"])
def test_a_name_that_no_result_can_have_is_refused_before_anything_is_removed(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"predict: .*not a plain path"):
        check_names(tmp_path / "out", ["fine.jpg", name])


def test_force_follows_no_link_out_of_the_folder(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("kept")
    out = tmp_path / "out"
    out.mkdir()
    (out / "labels").symlink_to(kept)
    prepare_out(out, [tmp_path / "images"], force=True)
    assert (kept / "file").read_text() == "kept" and not (out / "labels").exists()


def test_names_of_pictures_are_unique() -> None:
    assert png_names(["a.jpg", "a.png", "b/a.jpg", "c.tar.gif"]) == ["a.jpg.png", "a.png.png", "b/a.png", "c.tar.png"]
