"""How far the copying of an artifact is: a bar in MiB where it is large, and a line in the end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from maskdistill.pipeline.formatting import format_bytes
from maskdistill.pipeline.manifest import Manifest
from maskdistill.pipeline.progress import print_note, show_progress
from maskdistill.pipeline.remote.store import Moved
from maskdistill.stages.progress import Progress, Silent

_LARGE, _UNIT = 64 << 20, 1 << 20


class _Meter:
    """Adds up what several threads have moved; a file that is tried again is not counted twice."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._guard = progress, threading.Lock()
        self._moved: dict[str, int] = {}
        self._sum, self._shown = 0, 0

    def __call__(self, name: str, size: int) -> None:
        with self._guard:
            more = max(0, size - self._moved.get(name, 0))
            self._moved[name] = self._moved.get(name, 0) + more
            self._sum += more
            if steps := self._sum // _UNIT - self._shown:
                self._shown += steps
                self._progress.advance(steps)


@contextmanager
def show_copying(manifest: Manifest, what: str, console: Console) -> Iterator[Moved]:
    """What to tell of the files of an artifact as they are copied; `what` is done with it begins the lines."""
    size = manifest.size()
    if size < _LARGE:
        yield _Meter(Silent())
    else:
        with show_progress(manifest.stage, console) as progress:
            progress.start(what, size // _UNIT, "MiB")
            yield _Meter(progress)
    print_note(console, f"{manifest.stage}: {what}, {format_bytes(size)}")
