"""Jobs without a network, for the tests of engines: what a worker does when all goes well, and when it does not."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from maskdistill.stages.parts import Advance, Engine, InThisProcess, PartReport, compute_parts

N_ITEMS, PART_SIZE = 12, 2


@dataclass(frozen=True)
class Squares:
    """Writes the squares of some numbers."""

    def open(self) -> "Squares":
        """Nothing is needed."""
        return self

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Write `squares.txt`."""
        (folder / "squares.txt").write_text(" ".join(str(item**2) for item in items))
        return PartReport(len(items))


@dataclass(frozen=True)
class Killed(Squares):
    """The same; the process that makes the part with item 4 is killed, as often as there are files in a folder."""

    shots: Path

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Write half of it, and die."""
        if items.start == 4 and (left := list(self.shots.iterdir())):
            left[0].unlink()
            (folder / "squares.txt").write_text("16")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().write(items, folder, advance)


@dataclass(frozen=True)
class Failing(Squares):
    """Fails at item 4."""

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Fail, or not."""
        if items.start == 4:
            raise ValueError("not a number")
        return super().write(items, folder, advance)


def loaded(shots: Path, n: int) -> Path:
    """A folder of `n` files for `Killed`."""
    shots.mkdir()
    for number in range(n):
        (shots / str(number)).touch()
    return shots


def parts_of(job: Squares, folder: Path, engine: Engine | None = None) -> dict[str, bytes]:
    """All files of the parts of a job, by name."""
    done: list[int] = []
    compute_parts(job, folder, N_ITEMS, PART_SIZE, engine or InThisProcess(), done.append)
    assert engine is None or sum(done) == N_ITEMS
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("0*/*")}
