"""The command `maskdistill` on a configuration, within this process or as one of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from maskdistill.pipeline.apps import cli


def command(config_file: Path, artifacts: Path, *arguments: str) -> list[str]:
    executable = str(Path(sys.executable).with_name("maskdistill"))
    verb, *rest = arguments
    return [executable, verb, "-c", str(config_file), "-s", f"artifacts={artifacts}", *rest]


class Finished(NamedTuple):
    """What became of a command."""

    returncode: int
    stdout: str
    stderr: str


def start(config_file: Path, artifacts: Path, *arguments: str) -> "subprocess.Popen[str]":
    """The command as a process of its own, with as many threads as this one: sums are then the same to the last bit."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    line = command(config_file, artifacts, *arguments)
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finish(process: "subprocess.Popen[str]") -> Finished:
    output, errors = process.communicate(timeout=600)
    return Finished(process.returncode, output, errors)


def maskdistill(config_file: Path, artifacts: Path, *arguments: str) -> Finished:
    """The command within this process, where torch is imported already."""
    output, errors = StringIO(), StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(output),
        redirect_stderr(errors),
        pytest.raises(SystemExit) as caught,
    ):
        patch.setattr("sys.argv", command(config_file, artifacts, *arguments))
        cli.main()
    return Finished(int(caught.value.code or 0), output.getvalue(), errors.getvalue())


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def wait_until(condition: Callable[[], Any], seconds: float = 120) -> Any:
    """The first truthy value of `condition`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("waited in vain")
