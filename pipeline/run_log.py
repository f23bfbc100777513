"""`run.log`: what a stage had to say while its artifact was made, line by line with the time, killed runs included."""

from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from maskdistill.stages.progress import Progress


class RunLog:
    """A Progress that also writes to a file: notes, phases, and how it ended. The file is no part of what was made."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self._file, self._progress = path.open("a", encoding="utf-8", errors="backslashreplace"), progress

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.note("done" if error is None else f"ended by {type(error).__name__}: {error}")
        self._file.close()

    def note(self, line: str) -> None:
        """Write a line to the file alone."""
        self._file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {line}\n")
        self._file.flush()

    def say(self, line: str) -> None:
        """Something to know."""
        self.note(line)
        self._progress.say(line)

    def start(self, phase: str, total: int, unit: str) -> None:
        """A new phase."""
        self.note(f"{phase}: {total} {unit}")
        self._progress.start(phase, total, unit)

    def advance(self, n: int = 1, **info: float) -> None:
        """More is done; that is shown and not written."""
        self._progress.advance(n, **info)
