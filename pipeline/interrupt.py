"""Ctrl-C ends a run at once, whatever it is busy with: what is on disk is whole at any moment, and runs go on from it.

Python itself would raise KeyboardInterrupt, but only once the main thread is back from the library that it is in, and
then every library would still finish and log what it does. Here a thread of its own ends the process.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from rich.console import Console

from maskdistill.data.errors import Stopped

_STOPPED = "stopped; the same command goes on from here"
_SIGINT = {signal.SIGINT}


@contextmanager
def interruptible(text: str = _STOPPED) -> Iterator[None]:
    """Within this block, or the function that this decorates, Ctrl-C prints a line and ends the process with code 130.

    Worker processes that are started within it are spared Ctrl-C, and are ended with it. Where Ctrl-C is ignored, as in
    the background of a shell, or somebody else handles it, or this is no main thread, nothing is changed.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        with _as_stopped(text):
            yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    stop = _Stop(text)
    threading.Thread(target=stop.watch, args=(reader,), daemon=True).start()
    before = signal.set_wakeup_fd(writer), signal.signal(signal.SIGINT, stop.handle)
    # Processes inherit what is blocked; the thread takes the signal in place of this one.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before[1])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGINT)
        signal.set_wakeup_fd(before[0])
        os.close(writer)


@contextmanager
def _as_stopped(text: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(text) from None


class _Stop:
    """What Ctrl-C does, once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._once = threading.Lock()

    def watch(self, reader: int) -> None:
        """Wait for the signal, which Python notes in a pipe at once; an end of the pipe means that none came."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGINT)
        while noted := os.read(reader, 1):
            if noted[0] == signal.SIGINT:
                self._end()
        os.close(reader)

    def handle(self, number: int, frame: Any) -> None:
        """The same from the main thread, should somebody have taken the pipe away."""
        self._end()

    def _end(self) -> NoReturn:
        with self._once:
            console = Console(stderr=True)
            console.show_cursor()
            start = "\n" if console.is_terminal else ""  # a bar stands in this line
            console.print(f"{start}{self._text}", style="red", markup=False, highlight=False, soft_wrap=True)
            for child in multiprocessing.active_children():
                with suppress(OSError):
                    child.terminate()
            os._exit(Stopped.exit_code)
