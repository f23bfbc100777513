import json
from pathlib import Path

import pytest

from maskdistill.data.atomic import atomic_path, write_json


def test_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_a_failed_block_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="stop"), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError("stop")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_folder_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "folder") as temporary:
        (temporary / "inner").mkdir(parents=True)
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_folder_replaces_an_older_one(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").touch()
    with atomic_path(target) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert [path.name for path in target.iterdir()] == ["new"]


def test_of_two_folders_made_at_once_the_first_stays_where_asked(tmp_path: Path) -> None:
    path = tmp_path / "part"
    with atomic_path(path, first=True) as slow:
        slow.mkdir()
        (slow / "by").write_text("slow")
        with atomic_path(path, first=True) as quick:
            quick.mkdir()
            (quick / "by").write_text("quick")
    assert (path / "by").read_text() == "quick"
    assert [one.name for one in tmp_path.iterdir()] == ["part"]


def test_json_refuses_nan_and_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "metrics.json"
    write_json(target, {"miou": 0.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(target, {"miou": float("nan")})
    assert json.loads(target.read_text()) == {"miou": 0.5}
