"""What is in an unfinished artifact is told from what was damaged since."""

from pathlib import Path

import pytest

from maskdistill.data import seals
from maskdistill.data.atomic import atomic_path, write_json


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    seals.begin(tmp_path)
    with atomic_path(tmp_path / "parts" / "one") as part:
        part.mkdir()
        (part / "values").write_bytes(bytes(100))
        (part / "more").write_text("more")
    write_json(tmp_path / "weights.json", [1, 2])
    return tmp_path


def test_what_is_as_it_was_is_sound(folder: Path) -> None:
    assert seals.damaged(folder) == []


@pytest.mark.parametrize("name", ["parts/one/values", "weights.json"])
def test_a_flipped_bit_is_damage(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[0] ^= 1
    (folder / name).write_bytes(content)
    assert seals.damaged(folder) == [folder / ("parts/one" if "/" in name else name)]


def test_a_missing_or_a_further_file_in_a_part_is_damage(folder: Path) -> None:
    (folder / "parts" / "one" / "more").unlink()
    assert seals.damaged(folder) == [folder / "parts" / "one"]
    (folder / "parts" / "one" / "more").write_text("more")
    assert seals.damaged(folder) == []
    (folder / "parts" / "one" / "stray").touch()
    assert seals.damaged(folder) == [folder / "parts" / "one"]


@pytest.mark.parametrize("content", ["", "{", '{"name": "x", "sha256": []}', '{"name": 1}'])
def test_what_has_a_damaged_seal_cannot_be_told(folder: Path, content: str) -> None:
    for file in (folder / seals.SEALS).iterdir():
        file.write_text(content)
    assert sorted(seals.damaged(folder)) == [folder / "parts" / "one", folder / "weights.json"]


def test_what_has_been_removed_is_forgotten(folder: Path) -> None:
    (folder / "weights.json").unlink()
    assert seals.damaged(folder) == []
    (folder / "weights.json").write_text("another")
    assert seals.damaged(folder) == []


def test_killed_before_the_new_content_is_in_place_the_old_is_sound(folder: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.write_text("new")
    seals.seal(folder / "weights.json", new)
    assert seals.damaged(folder) == []
    new.replace(folder / "weights.json")
    assert seals.damaged(folder) == []


def test_a_seal_goes_with_what_is_renamed(folder: Path) -> None:
    seals.move(folder / "weights.json", folder / "previous.json")
    assert seals.damaged(folder) == []
    (folder / "previous.json").write_text("another")
    assert seals.damaged(folder) == [folder / "previous.json"]


def test_a_file_that_grows_has_none(folder: Path) -> None:
    with atomic_path(folder / "log", grows=True) as path:
        path.write_text("a line")
    with (folder / "log").open("a") as file:
        file.write("another")
    assert seals.damaged(folder) == []


def test_elsewhere_nothing_is_left_beside_a_file(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
