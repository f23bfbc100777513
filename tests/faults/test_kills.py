"""Runs that are ended from outside, at steps of the file system and at any time; with and without `--force`."""

import random
import time

import pytest

from helpers.fault_bench import Bench, spread
from helpers.fault_process import SIGNALS, Fault

SPREAD = [pytest.param(2, id="few"), pytest.param(50, id="many", marks=pytest.mark.faults)]


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("n", SPREAD)
def test_at_a_step_of_a_run(bench: Bench, name: str, n: int) -> None:
    for step in spread(1, bench.steps, n):
        bench.empty()
        ended = bench.run(fault=Fault(step, signal=name))
        bench.judge(f"{name} at a step of a run", f"step {step}", ended)


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("n", [pytest.param(1, id="few"), pytest.param(20, id="many", marks=pytest.mark.faults)])
def test_at_a_step_of_a_forced_run(bench: Bench, name: str, n: int) -> None:
    for step in spread(1, bench.steps // 2, n):
        bench.finished()
        ended = bench.run("distill", fault=Fault(step, signal=name))
        bench.judge(f"{name} at a step of `--force`", f"step {step}", ended)
        left = [path.name for path in bench.artifacts.glob("*/*") if path.suffix in (".new", ".replaced")]
        assert left == []


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.faults
def test_at_a_step_of_gc(bench: Bench, name: str) -> None:
    bench.finished()
    assert bench.run(None, "filter.threshold=0.8").code == 0
    full = bench.folder / "full"
    bench.artifacts.rename(full)
    for step in spread(1, 30, 10):
        bench.empty()
        bench.copy(full)
        ended = bench.start("collect_garbage", fault=Fault(step, signal=name)).ended()
        assert bench.start("collect_garbage").ended().code == 0
        bench.judge(f"{name} at a step of `gc`", f"step {step}", ended)
    bench.drop(full)


@pytest.mark.parametrize("n", [pytest.param(1, id="few"), pytest.param(30, id="many", marks=pytest.mark.faults)])
def test_at_any_time(bench: Bench, n: int) -> None:
    bench.empty()
    began = time.monotonic()
    bench.run()
    seconds, rng = time.monotonic() - began, random.Random(0)
    for number in range(n):
        bench.empty()
        child, name = bench.start("run"), list(SIGNALS)[number % len(SIGNALS)]
        wait = rng.random() * seconds
        time.sleep(wait)
        child.send(name)
        bench.judge("a signal at any time", f"{name} after {wait:.3f} s", child.ended())
