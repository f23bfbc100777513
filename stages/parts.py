"""Per-image work in parts: each is made by one process, appears whole, and is never computed twice.

A stage describes its work as a `PartJob`, which any process can open; an engine decides where the parts are made: in
this process, in several, or on other machines. Each part is a folder of its own, with `report.json` in it.
"""

import json
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from maskdistill.data.atomic import atomic_path, write_json
from maskdistill.data.tally import Tally

_REPORT = "report.json"
_MARK = ".unswept"

Advance = Callable[[int], None]
"""Told how many further items are done."""


@dataclass(frozen=True)
class PartReport:
    """What became of one part.

    Attributes:
        items: How many items it covers.
        failures: Reason for each image id that could not be read.
        facts: What the process knows of its work as a whole; the same in every part.
        tallies: What was counted in this part, by name and reason.
    """

    items: int
    failures: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    tallies: dict[str, dict[str, Any]] = field(default_factory=dict)


class PartWorker(Protocol):
    """Makes parts; holds the model, which is loaded once a process."""

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Write what becomes of some items into a folder, which is there and empty."""


class PartJob(Protocol):
    """All that a process needs to know to make parts; it can be pickled."""

    def open(self) -> PartWorker:
        """Load what the work needs."""


@dataclass(frozen=True)
class Part:
    """Some items of a job, and the folder in which what becomes of them is to stand."""

    items: range
    folder: Path


class Engine(Protocol):
    """Where parts are made. An engine can be pickled."""

    def run(self, job: PartJob, parts: Sequence[Part], advance: Advance) -> Generator[PartReport, None, None]:
        """Make all parts, in any order; raises what the first failing one raised."""


def make_part(worker: PartWorker, part: Part, advance: Advance = lambda n: None) -> PartReport:
    """Make one part, whole or not at all; where another process was faster, its part stays."""
    with atomic_path(part.folder, first=True) as temporary:
        temporary.mkdir()
        mark = temporary / _MARK
        mark.touch()
        report = worker.write(part.items, temporary, advance)
        write_json(temporary / _REPORT, asdict(report))
        # A later run may have swept the folder away, and a store made its own half of it again: then this raises.
        mark.unlink()
    return report


@dataclass(frozen=True)
class InThisProcess:
    """Makes one part after the other, here."""

    def run(self, job: PartJob, parts: Sequence[Part], advance: Advance) -> Generator[PartReport, None, None]:
        """Make all parts in order."""
        if parts:
            worker = job.open()
            for part in parts:
                yield make_part(worker, part, advance)


@dataclass(frozen=True)
class Parts:
    """All parts of a job, made.

    Attributes:
        folders: The parts in order.
        failures: Reason for each image id that could not be read.
        facts: What the workers know of the work as a whole.
        tallies: What they counted, by name.
    """

    folders: Sequence[Path]
    failures: dict[str, str]
    facts: Mapping[str, Any]
    tallies: Mapping[str, Tally]


def compute_parts(
    job: PartJob,
    folder: Path,
    n_items: int,
    part_size: int,
    engine: Engine,
    advance: Advance,
    check: Callable[[Mapping[str, str]], None] = lambda failures: None,
) -> Parts:
    """Make the parts that `folder` does not hold yet.

    Args:
        job: What is to be done.
        folder: Where the parts lie, each named after the items that it covers.
        n_items: How many items there are in all.
        part_size: Items per part; parts of another size are left alone and computed anew.
        engine: Where they are made.
        advance: Told of the items that are done, those of earlier runs included.
        check: Given all failures so far, those of earlier runs included, whenever there are any new ones; may raise.
    """
    ranges = [range(start, min(start + part_size, n_items)) for start in range(0, n_items, part_size)]
    folders = [folder / f"{items.start:08d}-{items.stop:08d}" for items in ranges]
    found = {path: read_report(path) for path in folders}
    missing = [Part(items, path) for items, path in zip(ranges, folders, strict=True) if found[path] is None]
    if done := n_items - sum(len(part.items) for part in missing):
        advance(done)
    failures = {name: why for report in found.values() if report for name, why in report.failures.items()}
    if failures:
        check(failures)
    with closing(engine.run(job, missing, advance)) as made:
        for report in made:
            failures |= report.failures
            if report.failures:
                check(failures)
    reports = [whole for path in folders if (whole := read_report(path))]
    failures = {name: why for report in reports for name, why in report.failures.items()}
    return Parts(folders, failures, reports[0].facts if reports else {}, _join_tallies(reports))


def _join_tallies(reports: Sequence[PartReport]) -> dict[str, Tally]:
    joined: dict[str, Tally] = {}
    for name, content in ((name, content) for report in reports for name, content in report.tallies.items()):
        joined.setdefault(name, Tally()).merge(Tally.of_json(content))
    return joined


def read_report(folder: Path) -> PartReport | None:
    """The report of a part that is whole; None where it is not there. One without a readable report is removed."""
    if not folder.exists():
        return None
    try:
        return PartReport(**json.loads((folder / _REPORT).read_text()))
    except (OSError, ValueError, TypeError):
        shutil.rmtree(folder)
        return None
