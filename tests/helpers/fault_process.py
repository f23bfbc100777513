"""Runs in processes of their own, with a fault in them: forked in no time from one that has imported everything."""

import contextlib
import multiprocessing
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

from maskdistill.data.errors import MaskDistillError

SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT}
_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate")
_INTERRUPTED = 130


@dataclass(frozen=True)
class Fault:
    """What goes wrong in a process, at a step of the file system below a folder, counted from 1.

    Attributes:
        signal: Sent to itself at the step.
        code: What the file system says at the step, and at all later ones where `lasting`.
        reads: Whether opening a file to read is a step as well.
        file_bytes: Largest file that may be written.
    """

    step: int = 0
    signal: str | None = None
    code: int | None = None
    lasting: bool = False
    reads: bool = False
    file_bytes: int | None = None


NO_FAULT = Fault()


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code (negative: the signal that ended it), and what it printed."""

    code: int
    text: str

    @property
    def refused(self) -> bool:
        """It gave up by itself, with a message that is no traceback."""
        return self.code in (1, 2, 3) and bool(self.text.strip()) and "Traceback" not in self.text


class Child:
    """A process that runs an action over a folder."""

    def __init__(
        self, action: Callable[..., Any], arguments: Sequence[Any], folder: Path, fault: Fault = NO_FAULT
    ) -> None:
        self.output = folder / f"output-{time.monotonic_ns()}.txt"
        self.output.touch()
        context = multiprocessing.get_context("forkserver")
        self._process = context.Process(target=_child, args=(action, arguments, folder, self.output, fault))
        self._process.start()

    def send(self, name: str) -> None:
        """Send it a signal, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid or 0, SIGNALS[name])

    def ended(self, seconds: float = 120) -> Ended:
        """Wait for its end."""
        self._process.join(seconds)
        if self._process.is_alive():
            self._process.kill()
            raise AssertionError(f"still running after {seconds} s: {self.output.read_text()}")
        text = self.output.read_text(errors="replace")
        code = self._process.exitcode
        return Ended(-1 if code is None else code, text)


def preload() -> None:
    """Start the process that all others are forked from, and let it import what they need."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(
        [
            "helpers.fault_stages",
            "helpers.fault_actions",
            "maskdistill.stages.evaluate.stage",
            "maskdistill.stages.mine.methods.otsu",
            "torch._dynamo",  # which the first step of an optimiser imports, with a thousand others
        ]
    )
    with pytest.MonkeyPatch.context() as patch:
        # It does not take over the path of this process.
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        forkserver.ensure_running()


def _child(action: Callable[..., Any], arguments: Sequence[Any], folder: Path, output: Path, fault: Fault) -> None:
    descriptor = os.open(output, os.O_WRONLY)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout = sys.stderr = os.fdopen(descriptor, "w", buffering=1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if fault.file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (fault.file_bytes, fault.file_bytes))
    _watch(folder / "artifacts", fault)
    os._exit(_run(action, arguments))


def _run(action: Callable[..., Any], arguments: Sequence[Any]) -> int:
    """What the command line does of errors; see `maskdistill.pipeline.apps.cli`."""
    try:
        action(*arguments)
    except MaskDistillError as error:
        print(error)
        return error.exit_code
    except OSError as error:
        print(f"{error.filename}: {error.strerror}")
        return 1
    except KeyboardInterrupt:
        print("Aborted.")
        return _INTERRUPTED
    except SystemExit as error:
        return int(error.code or 0)
    except BaseException:
        traceback.print_exc()
        return 99
    return 0


def _watch(root: Path, fault: Fault) -> None:
    """Let the fault happen at its step; and write down how many there were."""
    count, beginning = 0, os.fspath(root)

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        writes = event == "open" and _is_writing(arguments)
        if not (event in _CHANGES or (event == "open" and (writes or fault.reads))):
            return
        name = arguments[0]
        if not isinstance(name, str | bytes | os.PathLike) or not os.fsdecode(name).startswith(beginning):
            return
        count += 1
        if count == fault.step and fault.signal is not None:
            os.kill(os.getpid(), SIGNALS[fault.signal])
        if fault.code is not None and fault.step and (count == fault.step or (fault.lasting and count > fault.step)):
            raise OSError(fault.code, os.strerror(fault.code), os.fsdecode(name))
        if fault.step == 0:
            steps[0] = count

    steps = [0]
    STEPS.append(steps)
    sys.addaudithook(look)


def _is_writing(arguments: tuple[Any, ...]) -> bool:
    """Of the event `open`: its path, mode and flags."""
    mode = set(arguments[1]) if isinstance(arguments[1], str) else set[str]()
    flags = arguments[2] if isinstance(arguments[2], int) else 0
    return bool(mode & set("wax+") or flags & (os.O_WRONLY | os.O_RDWR))


STEPS: list[list[int]] = []
"""Of a process without a fault: how many steps there were."""


def steps_so_far() -> int:
    """How many steps of the file system this process has gone through."""
    return STEPS[0][0] if STEPS else 0
