"""Several processes over one artifact folder; locks of the dead; clocks that were set back."""

import os
import time

import pytest

from helpers.commands import wait_until
from helpers.fault_bench import Bench
from helpers.fault_process import Ended, Fault

YEAR = 365 * 86_400


def together(ends: list[Ended]) -> Ended:
    """The worst end of several; all have to end well."""
    return max(ends, key=lambda ended: abs(ended.code))


@pytest.mark.parametrize("n", [2, pytest.param(4, marks=pytest.mark.faults)])
@pytest.mark.parametrize("force", [None, "distill"])
def test_runs_at_once(bench: Bench, n: int, force: str | None) -> None:
    for _ in range(n):
        if force is None:
            bench.empty()
        else:
            bench.finished()
        children = [bench.start("run", force) for _ in range(n)]
        ended = together([child.ended() for child in children])
        assert ended.code == 0, ended.text
        bench.judge(f"{n} {'forced ' if force else ''}runs at once", "", ended)


@pytest.mark.faults
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_one_of_two_runs_is_killed(bench: Bench, name: str) -> None:
    for step in range(20, bench.steps, bench.steps // 6):
        bench.empty()
        killed, other = bench.start("run", fault=Fault(step, signal=name)), bench.start("run")
        killed.ended()
        ended = other.ended()
        assert ended.code == 0, ended.text
        bench.judge("one of two runs at once is killed", f"{name} at step {step}", ended)


@pytest.mark.parametrize("stage", ["mine", pytest.param("filter", marks=pytest.mark.faults)])
@pytest.mark.parametrize("writer", ["force", pytest.param("gc", marks=pytest.mark.faults)])
def test_a_reader_beside_who_replaces_and_deletes(bench: Bench, stage: str, writer: str) -> None:
    bench.finished()
    held = bench.folder / "held"
    reader = bench.start("read_slowly", stage)
    wait_until(held.exists)
    if writer == "force":
        forced = bench.start("run", stage)
        wait_until(lambda: "is in use by process" in forced.output.read_text())
        held.unlink()
        ended = forced.ended()
    else:
        ended = bench.start("collect_garbage", "data.first=3").ended()
        assert "left: " in ended.text
        held.unlink()
    assert reader.ended().code == 0
    bench.judge(f"a reader beside {'`--force`' if writer == 'force' else '`gc`'}", stage, ended)


@pytest.mark.faults
def test_locks_of_the_dead(bench: Bench) -> None:
    for stage in ("mine", "cluster", "distill", "segment"):
        bench.empty()
        held = bench.folder / "held"
        holder = bench.start("hold_lock", stage)
        wait_until(held.exists)
        holder.send("SIGKILL")
        holder.ended()
        held.unlink()
        bench.judge("the lock of a process that was killed", stage, bench.run())


@pytest.mark.faults
@pytest.mark.parametrize("years", [-30, -1, 5])
def test_a_clock_that_was_set(bench: Bench, years: int) -> None:
    bench.finished()
    then = time.time() + years * YEAR
    for path in bench.artifacts.rglob("*"):
        os.utime(path, (then, then))
    bench.judge("a clock set back or forward", f"{years} years", bench.run())
    bench.empty()
    bench.run(fault=Fault(bench.steps // 2, signal="SIGKILL"))
    for path in bench.artifacts.rglob("*"):
        os.utime(path, (then, then))
    bench.judge("a clock set back or forward", f"{years} years, unfinished", bench.run())
