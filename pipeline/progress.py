"""Progress of a stage on the terminal: a bar with rate and ETA, or a line now and then where no terminal is."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from maskdistill.data.text import printable_lines

_LINE_SECONDS = 30.0


class _Rate(ProgressColumn):
    """Things per second, or seconds per thing where one takes long."""

    def render(self, task: Task) -> Text:
        return Text(_format_rate(task.speed or 0.0), style="progress.data.speed")


class BarProgress:
    """One bar per phase on a terminal."""

    def __init__(self, stage: str, progress: Progress) -> None:
        self._stage = stage
        self._progress = progress
        self._task: TaskID | None = None

    def say(self, line: str) -> None:
        """Print above the bars."""
        print_note(self._progress.console, f"{self._stage}: {line}")

    def start(self, phase: str, total: int, unit: str) -> None:
        """Begin a new bar."""
        self._task = self._progress.add_task(f"{self._stage} · {phase}", total=total, unit=unit, info="")

    def advance(self, n: int = 1, **info: float) -> None:
        """Move the newest bar."""
        if self._task is None:
            raise RuntimeError("advance() before start()")
        self._progress.advance(self._task, n)
        if info:
            text = "  ".join(f"{name} {value:.4g}" for name, value in info.items())
            self._progress.update(self._task, info=text)


class LineProgress:
    """A line at the start and end of each phase and every 30 s between, for logs."""

    def __init__(self, stage: str, console: Console) -> None:
        self._stage = stage
        self._console = console
        self._phase, self._unit, self._total = "", "", 0
        self._done = 0
        self._began = self._last = 0.0

    def say(self, line: str) -> None:
        """Print it."""
        print_note(self._console, f"{self._stage}: {line}")

    def start(self, phase: str, total: int, unit: str) -> None:
        """Begin a phase."""
        self._phase, self._unit, self._total, self._done = phase, unit, total, 0
        self._began = self._last = time.monotonic()
        self._console.print(f"{self._stage} · {phase}: {total} {unit}", highlight=False)

    def advance(self, n: int = 1, **info: float) -> None:
        """Count, and print when it is time to."""
        self._done += n
        now = time.monotonic()
        finished = self._done >= self._total
        if not finished and now - self._last < _LINE_SECONDS:
            return
        self._last = now
        rate = self._done / max(now - self._began, 1e-9)
        parts = [f"{self._done}/{self._total} {self._unit}", _format_rate(rate)]
        if not finished:
            parts.append(f"ETA {(self._total - self._done) / rate:.0f} s")
        parts += [f"{name} {value:.4g}" for name, value in info.items()]
        self._console.print(f"{self._stage} · {self._phase}: {', '.join(parts)}", highlight=False)


@contextmanager
def show_progress(stage: str, console: Console) -> Iterator[BarProgress | LineProgress]:
    """The Progress to hand to a stage."""
    if not console.is_terminal:
        yield LineProgress(stage, console)
        return
    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        _Rate(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[info]}"),
    )
    with Progress(*columns, console=console) as progress:
        yield BarProgress(stage, progress)


def print_note(console: Console, text: str) -> None:
    """Print a line that the user should see, as it is and whole."""
    console.print(printable_lines(text), markup=False, highlight=False, soft_wrap=True)


def _format_rate(per_second: float) -> str:
    if per_second <= 0:
        return ""
    return f"{per_second:.1f}/s" if per_second >= 1 else f"{1 / per_second:.1f} s each"
