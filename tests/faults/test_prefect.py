"""Runs under Prefect, with the command itself: killed at any time, and with a database that is damaged."""

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from helpers.commands import finish, start
from helpers.fault_bench import Bench
from helpers.fault_process import SIGNALS, Ended

ARGUMENTS = ("run", "--to", "mine")


def ended(process: "subprocess.Popen[str]") -> Ended:
    """How a command ended."""
    found = finish(process)
    return Ended(found.returncode, found.stdout + found.stderr)


@pytest.mark.faults
def test_killed_under_prefect(bench: Bench) -> None:
    bench.empty()
    began = time.monotonic()
    assert ended(start(bench.config, bench.artifacts, *ARGUMENTS)).code == 0
    seconds, rng = time.monotonic() - began, random.Random(0)
    for name in (*SIGNALS, "SIGKILL"):
        bench.empty()
        process, wait = start(bench.config, bench.artifacts, *ARGUMENTS), rng.random() * seconds
        time.sleep(wait)
        process.send_signal(getattr(signal, name))
        bench.judge("a signal under Prefect", f"{name} after {wait:.1f} s", ended(process))


@pytest.mark.faults
@pytest.mark.parametrize("kind", ["noise", "cut", "gone"])
def test_a_damaged_database_of_prefect(bench: Bench, kind: str) -> None:
    bench.empty()
    assert ended(start(bench.config, bench.artifacts, *ARGUMENTS)).code == 0
    path: Path = bench.artifacts / ".prefect" / "prefect.db"
    content = path.read_bytes()
    if kind == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if kind == "cut" else bytes(range(256)) * 40)
    run = start(bench.config, bench.artifacts, "run", "--to", "mine", "--force", "mine")
    bench.judge("a damaged database of Prefect", kind, ended(run))
