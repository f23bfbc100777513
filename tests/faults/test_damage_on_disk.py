"""Files that are not what was written: of finished artifacts, and of what a killed run has left."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.fault_bench import Bench, spread
from helpers.fault_process import Fault

Damage = Callable[[bytes, random.Random], bytes | None]


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content or b"\0")
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


DAMAGES: dict[str, Damage] = {
    "a flipped bit": _flip,
    "a file cut short": lambda content, rng: content[: rng.randrange(len(content))] if content else b"x",
    "a file of zeros": lambda content, rng: bytes(len(content)) if any(content) else b"x",
    "a file that is gone": lambda content, rng: None,
    "a longer file": lambda content, rng: content + b"\0" * 8,
    "a file of noise": lambda content, rng: rng.randbytes(len(content) or 1),
}


def damage(path: Path, kind: str, rng: random.Random) -> None:
    """Damage a file; its time stays as it was, as where a disk loses bits."""
    status = path.stat()
    found = DAMAGES[kind](path.read_bytes(), rng)
    if found is None:
        path.unlink()
        return
    path.write_bytes(found)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def files_of(folder: Path) -> list[Path]:
    """All but locks and logs of what was said."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in paths if path.suffix not in (".lock", ".readers", ".log"))


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("n", [pytest.param(1, id="few"), pytest.param(25, id="many", marks=pytest.mark.faults)])
def test_of_what_is_finished(bench: Bench, kind: str, n: int) -> None:
    rng = random.Random(n)
    for number in range(n):
        bench.finished()
        path = rng.choice(files_of(bench.artifacts))
        what = f"{number}: {path.relative_to(bench.artifacts)}"
        damage(path, kind, rng)
        ended = bench.start("read").ended()
        in_artifact = (path.relative_to(bench.artifacts).parts[0]) not in ("evaluate", "images", "galleries")
        if ended.code == 0 and in_artifact and path.exists():
            bench.count(f"{kind}, finished", "wrong", what)
            continue
        assert bench.start("repair").ended().code == 0
        bench.judge(f"{kind}, finished", what, ended)


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("n", [pytest.param(1, id="few"), pytest.param(15, id="many", marks=pytest.mark.faults)])
def test_of_what_a_killed_run_left(bench: Bench, kind: str, n: int) -> None:
    rng = random.Random(n)
    for step in spread(bench.steps // 10, bench.steps, n):
        bench.empty()
        bench.run(fault=Fault(step, signal="SIGKILL"))
        unfinished = [
            path for path in bench.artifacts.glob("*/*") if path.is_dir() and not (path / "manifest.json").exists()
        ]
        files = [path for folder in unfinished for path in files_of(folder)]
        if files:
            path = rng.choice(files)
            damage(path, kind, rng)
            bench.judge(f"{kind}, unfinished", f"step {step}: {path.relative_to(bench.artifacts)}", bench.run())
