"""What a worker of a cluster does with a job, without a cluster."""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.pipeline.engines.cluster import ClusterEngine
from maskdistill.pipeline.engines.order import Order, forget, make, placed
from maskdistill.stages.parts import Advance, InThisProcess, Part, PartReport


@dataclass(frozen=True)
class Words:
    """Writes a word, and a line for each time that it is opened."""

    log: Path

    def open(self) -> "Words":
        with self.log.open("a") as file:
            file.write("opened\n")
        return self

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        (folder / "word.txt").write_text("word")
        return PartReport(len(items))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("parts")  # as users name it, from their working folder


@pytest.fixture
def order(folder: Path) -> Iterator[Order]:
    with placed(Words(folder.parent / "log.txt"), folder) as order:
        yield order
    forget()


def part_of(order: Order, start: int = 0) -> Part:
    return Part(range(start, start + 2), order.file.parent / f"{start}")


def test_a_job_is_opened_once_and_its_file_is_gone_in_the_end(order: Order, tmp_path: Path) -> None:
    made = [make(order, part_of(order, start)) for start in (0, 2)]
    assert [one.report.items for one in made] == [2, 2]
    assert (tmp_path / "log.txt").read_text() == "opened\n"
    assert (tmp_path / "parts" / "2" / "word.txt").read_text() == "word"


def test_nothing_is_left_of_the_job(folder: Path) -> None:
    with placed(Words(Path("log.txt")), folder):
        assert len(list(folder.iterdir())) == 1
    assert not list(folder.iterdir())


def test_a_worker_elsewhere_starts_from_the_working_folder_of_the_run(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    make(order, part_of(order))
    assert (tmp_path / "parts" / "0" / "word.txt").exists()


def test_other_versions_are_named(order: Order) -> None:
    other = replace(order, versions={**order.versions, "torch": "1.0"})
    with pytest.raises(InputError, match=r"execution\.engine: the worker on .* torch \S+ \(1\.0\); install the same"):
        make(other, part_of(order))


@pytest.mark.parametrize("place", ["folder", "file"])
def test_a_folder_that_is_not_shared_is_named(order: Order, place: str) -> None:
    gone = Path("elsewhere")
    other = replace(order, folder=gone) if place == "folder" else replace(order, file=gone)
    with pytest.raises(InputError, match=r"does not see the artifact folder: no \S*elsewhere.* all machines share"):
        make(other, part_of(order), seconds=0.1)


def test_a_job_that_is_not_the_one_that_was_sent_is_not_unpickled(order: Order) -> None:
    order.file.write_bytes(pickle.dumps("another"))
    with pytest.raises(MaskDistillError, match="not as the run wrote it"):
        make(order, part_of(order))


def test_a_worker_that_was_not_told_of_the_end_begins_nothing_more(order: Order) -> None:
    make(order, part_of(order))
    order.file.unlink()
    with pytest.raises(MaskDistillError, match="is over"):
        make(order, part_of(order, 2))
    assert not part_of(order, 2).folder.exists()


def test_an_engine_goes_to_a_worker_without_its_cluster() -> None:
    def never() -> None:
        raise AssertionError

    assert isinstance(pickle.loads(pickle.dumps(ClusterEngine(never))), InThisProcess)  # type: ignore[arg-type]
