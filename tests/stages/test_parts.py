"""Parts: whole or not there, never made twice, in this process or in others."""

import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from maskdistill.data.errors import MaskDistillError
from maskdistill.pipeline.engines.local import LocalEngine
from maskdistill.stages.parts import Advance, Engine, InThisProcess, PartReport, Parts, compute_parts


@dataclass(frozen=True)
class Numbers:
    """Writes the numbers of a part into a file, and a line into a log that all processes share."""

    log: Path
    fail_at: int | None = None
    unreadable: tuple[int, ...] = ()

    def open(self) -> "Numbers":
        with self.log.open("a") as file:
            file.write("opened\n")
        return self

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        with self.log.open("a") as file:
            file.write(f"{items.start}-{items.stop}\n")
        (folder / "numbers.txt").write_text(" ".join(map(str, items)))
        if items.start == self.fail_at:
            raise RuntimeError("killed")
        return PartReport(len(items), {f"image{i}": "torn" for i in items if i in self.unreadable}, {"of": "all"})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


def compute(job: Numbers, folder: Path, n: int = 7, size: int = 3, engine: Engine | None = None) -> Parts:
    return compute_parts(job, folder, n, size, engine or InThisProcess(), lambda n: None)


def made(log: Path) -> list[str]:
    """The parts that were begun since the last look."""
    lines = log.read_text().split() if log.exists() else []
    log.write_text("")
    return [line for line in lines if line != "opened"]


def test_parts_cover_all_items_in_order(tmp_path: Path, log: Path) -> None:
    parts = compute(Numbers(log), tmp_path / "parts")
    assert log.read_text().split() == ["opened", "0-3", "3-6", "6-7"]
    assert " ".join((part / "numbers.txt").read_text() for part in parts.folders) == "0 1 2 3 4 5 6"


def test_a_part_that_is_there_is_not_made_again(tmp_path: Path, log: Path) -> None:
    compute(Numbers(log), tmp_path / "parts", 6)
    made(log)
    skipped: list[int] = []
    compute_parts(Numbers(log), tmp_path / "parts", 7, 3, InThisProcess(), skipped.append)
    assert made(log) == ["6-7"]
    assert skipped == [6]
    compute(Numbers(log), tmp_path / "parts")
    assert log.read_text() == ""  # nothing was opened for nothing


def test_a_crash_keeps_whole_parts_and_nothing_of_the_broken_one(tmp_path: Path, log: Path) -> None:
    with pytest.raises(RuntimeError, match="killed"):
        compute(Numbers(log, fail_at=3), tmp_path / "parts")
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["00000000-00000003"]
    made(log)
    compute(Numbers(log), tmp_path / "parts")
    assert made(log) == ["3-6", "6-7"]


@dataclass(frozen=True)
class SweptAway(Numbers):
    """Another run removes the half of a part, and a store makes its own half of that again, as zarr does."""

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        (folder / "numbers.txt").write_text("half")
        shutil.rmtree(folder)
        folder.mkdir()
        return super().write(items, folder, advance)


def test_a_part_that_was_swept_away_is_not_taken_for_whole(tmp_path: Path, log: Path) -> None:
    with pytest.raises(FileNotFoundError):
        compute(SweptAway(log), tmp_path / "parts")
    assert not list((tmp_path / "parts").iterdir())


def test_parts_of_another_size_are_not_mistaken_for_these(tmp_path: Path, log: Path) -> None:
    compute(Numbers(log), tmp_path / "parts", 6, 3)
    made(log)
    compute(Numbers(log), tmp_path / "parts", 6, 2)
    assert made(log) == ["0-2", "2-4", "4-6"]


def test_no_items_give_no_parts(tmp_path: Path, log: Path) -> None:
    assert compute(Numbers(log), tmp_path / "parts", 0).folders == []
    assert not log.exists()


def test_failures_and_facts_outlive_a_run(tmp_path: Path, log: Path) -> None:
    compute(Numbers(log, unreadable=(4,)), tmp_path / "parts", 6)
    parts = compute(Numbers(log, unreadable=(6,)), tmp_path / "parts")
    assert parts.failures == {"image4": "torn", "image6": "torn"}
    assert parts.facts == {"of": "all"}


def test_too_many_failures_stop_the_work_at_once(tmp_path: Path, log: Path) -> None:
    def check(failures: object) -> None:
        if failures:
            raise ValueError("too many")

    with pytest.raises(ValueError, match="too many"):
        compute_parts(Numbers(log, unreadable=(1,)), tmp_path / "p", 7, 3, InThisProcess(), lambda n: None, check)
    assert made(log) == ["0-3"]


def test_several_processes_make_the_same_parts(tmp_path: Path, log: Path, importable: None) -> None:
    done: list[int] = []
    here = compute(Numbers(log), tmp_path / "here")
    log.write_text("")
    there = compute_parts(Numbers(log), tmp_path / "there", 7, 3, LocalEngine(2), done.append)
    assert sum(done) == 7
    assert log.read_text().split().count("opened") <= 2
    for one, other in zip(here.folders, there.folders, strict=True):
        assert one.name == other.name
        assert {path.name: path.read_bytes() for path in one.iterdir()} == {
            path.name: path.read_bytes() for path in other.iterdir()
        }


def test_what_fails_in_another_process_is_raised_here(tmp_path: Path, log: Path, importable: None) -> None:
    with pytest.raises(RuntimeError, match="killed"):
        compute(Numbers(log, fail_at=3), tmp_path / "parts", engine=LocalEngine(2))
    assert not (tmp_path / "parts" / "00000003-00000006").exists()


@dataclass(frozen=True)
class Dying(Numbers):
    """Its process is ended from outside."""

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def test_a_process_that_is_killed_is_an_error_that_says_what_to_do(tmp_path: Path, log: Path, importable: None) -> None:
    with pytest.raises(MaskDistillError, match=r"smaller execution\.workers"):
        compute(Dying(log), tmp_path / "parts", engine=LocalEngine(2))
