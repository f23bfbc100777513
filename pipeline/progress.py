"""Progress of a stage on the terminal: a bar with rate and ETA, or a line now and then where no terminal is."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from maskdistill.data.text import printable_lines
from maskdistill.pipeline.pace import Pace

QUIET, VERBOSE = "MASKDISTILL_QUIET", "MASKDISTILL_VERBOSE"
"""Set in the environment: no progress and no notes at all; or a line every few seconds in place of the bar."""
_LINE_SECONDS, _VERBOSE_SECONDS = 30.0, 5.0


class _PaceColumn(ProgressColumn):
    """Rate and ETA."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields["pace"]), style="progress.remaining")


class BarProgress:
    """One bar per phase on a terminal."""

    def __init__(self, stage: str, progress: Progress) -> None:
        self._stage = stage
        self._progress = progress
        self._task: TaskID | None = None
        self._pace = Pace(0)

    def say(self, line: str) -> None:
        """Print above the bars."""
        print_note(self._progress.console, f"{self._stage}: {line}")

    def start(self, phase: str, total: int, unit: str) -> None:
        """Begin a new bar."""
        self._pace = Pace(total)
        self._task = self._progress.add_task(
            f"{self._stage} · {phase}", total=total, unit=unit, info="", pace=self._pace
        )

    def advance(self, n: int = 1, **info: float) -> None:
        """Move the newest bar."""
        if self._task is None:
            raise RuntimeError("advance() before start()")
        self._pace.advance(n)
        self._progress.advance(self._task, n)
        if info:
            text = "  ".join(f"{name} {value:.4g}" for name, value in info.items())
            self._progress.update(self._task, info=text)


class LineProgress:
    """A line at the start and end of each phase and every now and then between, for logs."""

    def __init__(self, stage: str, console: Console, seconds: float = _LINE_SECONDS) -> None:
        """`seconds` is the least time between two lines of a phase."""
        self._stage = stage
        self._console = console
        self._seconds = seconds
        self._phase, self._unit = "", ""
        self._pace = Pace(0)
        self._last = 0.0

    def say(self, line: str) -> None:
        """Print it."""
        print_note(self._console, f"{self._stage}: {line}")

    def start(self, phase: str, total: int, unit: str) -> None:
        """Begin a phase."""
        self._phase, self._unit, self._pace = phase, unit, Pace(total)
        self._last = time.monotonic()
        print_note(self._console, f"{self._stage} · {phase}: {total} {unit}")

    def advance(self, n: int = 1, **info: float) -> None:
        """Count, and print when it is time to."""
        self._pace.advance(n)
        now, finished = time.monotonic(), self._pace.done >= self._pace.total
        if not finished and now - self._last < self._seconds:
            return
        self._last = now
        parts = [f"{self._pace.done}/{self._pace.total} {self._unit}", str(self._pace)]
        parts += [f"{name} {value:.4g}" for name, value in info.items()]
        print_note(self._console, f"{self._stage} · {self._phase}: {', '.join(parts)}")


@contextmanager
def show_progress(stage: str, console: Console) -> Iterator[BarProgress | LineProgress]:
    """The Progress to hand to a stage."""
    verbose = bool(os.environ.get(VERBOSE))
    if verbose or not console.is_terminal:
        yield LineProgress(stage, console, _VERBOSE_SECONDS if verbose else _LINE_SECONDS)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        _PaceColumn(),
        TextColumn("{task.fields[info]}"),
    )
    with Progress(*columns, console=console, expand=True) as progress:
        yield BarProgress(stage, progress)


def error_console() -> Console:
    """Where progress and notes go: stderr, or nowhere with `--quiet`."""
    return Console(stderr=True, quiet=bool(os.environ.get(QUIET)))


def print_note(console: Console, text: str) -> None:
    """Print a line that the user should see, as it is and whole."""
    console.print(printable_lines(text), markup=False, highlight=False, soft_wrap=True)
