"""Ordinary trouble is one line with the remedy; names of files cannot write on the terminal."""

import errno
from pathlib import Path

import pytest

from helpers.commands import maskdistill
from helpers.runs import photo_config
from helpers.sources import write_image
from maskdistill.data.errors import CorruptArtifact, InputError
from maskdistill.data.text import printable_lines
from maskdistill.pipeline.storage import explain_storage
from maskdistill.pipeline.transient import is_transient


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\nb", "a\nb"), ("\x1b[2Jx", "\\x1b[2Jx"), ("ä✓ ", "ä✓ "), ("\r\x07", "\\r\\x07"), ("\u202etxt", "\\u202etxt")],
)
def test_what_could_move_the_cursor_is_shown_quoted(text: str, shown: str) -> None:
    assert printable_lines(text) == shown


def test_a_name_with_escape_sequences_reaches_no_terminal(tmp_path: Path) -> None:
    for index in range(2):
        write_image(tmp_path / "photos" / f"{index}.png", 255 * index, (32, 32))
    (tmp_path / "photos" / "\x1b]0;title\x07\x1b[31m.png").write_bytes(b"no image")
    (config,) = photo_config(tmp_path).paths
    settings = ("-s", "mine.method=otsu", "-s", "data.max_failure_rate=0.1", "--to", "mine", "--no-prefect")
    found = maskdistill(config, tmp_path / "artifacts", "run", *settings)
    assert found.returncode != 0
    assert "\x1b" not in found.stderr + found.stdout
    assert "\\x1b[31m.png" in found.stderr


@pytest.mark.parametrize("code", [errno.EFBIG, errno.EIO])
def test_what_a_disk_says_comes_with_a_remedy(tmp_path: Path, code: int) -> None:
    with pytest.raises(InputError, match="name another folder"), explain_storage(tmp_path):
        raise OSError(code, "it says")


def test_an_empty_file_of_numbers_is_not_taken_for_an_interruption(tmp_path: Path) -> None:
    with pytest.raises(CorruptArtifact, match="cut short"), explain_storage(tmp_path):
        raise EOFError("No data left in file")


def test_only_what_may_be_gone_next_time_is_tried_again() -> None:
    assert is_transient(ConnectionResetError(errno.ECONNRESET, "reset"))
    assert not is_transient(OSError(errno.ENOSPC, "full"))
    assert not is_transient(InputError("wrong"))
    assert not is_transient(None)
    try:
        try:
            raise OSError(errno.ESTALE, "stale")
        except OSError as error:
            raise InputError("a disk") from error
    except InputError as error:
        assert is_transient(error)


def test_debug_shows_where_an_error_came_up(config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("run", "-s", "cluster.k=nonsense")
    plain = maskdistill(config_file, tmp_path / "artifacts", *arguments)
    assert "Traceback" not in plain.stderr
    monkeypatch.setenv("MASKDISTILL_DEBUG", "1")
    found = maskdistill(config_file, tmp_path / "artifacts", *arguments)
    assert (found.returncode, "Traceback" in found.stderr) == (2, True)


def test_a_run_leaves_a_log_beside_what_it_made(config_file: Path) -> None:
    artifacts = config_file.parent / "artifacts"
    assert (
        maskdistill(config_file, artifacts, "run", "-s", "mine.method=otsu", "--to", "mine", "--no-prefect").returncode
        == 0
    )
    [log] = artifacts.glob("mine/*/run.log")
    lines = log.read_text().splitlines()
    assert any("masks: 4 images" in line for line in lines)
    assert lines[-1].endswith(" done")
