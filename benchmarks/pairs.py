"""What the benchmarks share: two things timed in turn, so that a machine that slows down slows both, and its name."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Timed(NamedTuple):
    """Medians of some turns: seconds by the clock, and seconds of all cores together."""

    wall: float
    cpu: float


class Pair(NamedTuple):
    """Two things timed in turn; the ratios are medians over the turns, the second by the first."""

    first: Timed
    second: Timed
    wall_ratio: float
    cpu_ratio: float


def in_turn(first: Callable[[], object], second: Callable[[], object], turns: int = 5) -> Pair:
    """Time both, `turns` times one after the other, after a turn that warms up."""
    found: list[tuple[Timed, Timed]] = []
    for turn in range(turns + 1):
        pair = seconds_of(first), seconds_of(second)
        if turn:
            found.append(pair)
    medians = [
        Timed(statistics.median(pair[i].wall for pair in found), statistics.median(pair[i].cpu for pair in found))
        for i in range(2)
    ]
    wall = statistics.median(second.wall / first.wall for first, second in found)
    cpu = statistics.median(second.cpu / max(first.cpu, 1e-9) for first, second in found)
    return Pair(medians[0], medians[1], wall, cpu)


def seconds_of(work: Callable[[], object]) -> Timed:
    """Seconds that something takes, those of its finished child processes included."""
    clock, cores = time.perf_counter(), _core_seconds()
    work()
    return Timed(time.perf_counter() - clock, _core_seconds() - cores)


def timed(action: Callable[[], T]) -> tuple[float, T]:
    """Seconds by the clock that something takes, and what it gives."""
    began = time.perf_counter()
    result = action()
    return time.perf_counter() - began, result


def hardware() -> str:
    """The processor, its widest vector instructions and its cores, as one line for under a table."""
    name, flags = platform.processor() or platform.machine(), set[str]()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = dict(line.split(":", 1) for line in cpuinfo.read_text().splitlines() if ":" in line)
        fields = {key.strip(): value.strip() for key, value in lines.items()}
        name, flags = fields.get("model name", name), set(fields.get("flags", "").split())
    widest = next((flag for flag in ("amx_tile", "avx512_bf16", "avx512f", "avx2") if flag in flags), "no AVX2")
    return f"{name} ({widest}), {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} at the end"


def peak_mib() -> float:
    """The most memory that this process has held so far, MiB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _core_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
