"""Fuzzes one reader for some minutes, guided by coverage where atheris is installed; findings go to the corpus.

python tests/fuzz/run.py coco_file --minutes 10
"""

import argparse
import hashlib
import random
import sys
import time
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

CORPUS = Path(__file__).parent / "corpus"
_SLOW_SECONDS = 10.0


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Fuzz a reader.")
    parser.add_argument("target")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if find_spec("atheris") is not None:
        guided(arguments.target, arguments.minutes, arguments.seed)
    else:
        blind(arguments.target, arguments.minutes, arguments.seed)


def blind(name: str, minutes: float, seed: int) -> None:
    """Changes of what is known, at random."""
    from fuzz.targets import TARGETS, mutated, seeds

    rng, until, pool, n = random.Random(seed), time.monotonic() + 60 * minutes, [b"", *seeds(name)], 0
    while time.monotonic() < until:
        content, n = mutated(rng.choice(pool), rng), n + 1
        began = time.monotonic()
        try:
            TARGETS[name](content)
        except Exception as error:
            keep(name, content, repr(error))
        if time.monotonic() - began > _SLOW_SECONDS:
            keep(name, content, f"took {time.monotonic() - began:.0f} s")
    print(f"{name}: {n} inputs")


def keep(name: str, content: bytes, why: str) -> None:
    """Put a finding into the corpus."""
    path = CORPUS / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}"
    path.write_bytes(content)
    print(f"{path}: {why}", flush=True)


def guided(name: str, minutes: float, seed: int) -> None:
    """Inputs that reach new code are built upon."""
    import tempfile

    import atheris

    with atheris.instrument_imports(include=["maskdistill"]):
        from fuzz.targets import TARGETS, seeds

    def one(content: bytes) -> None:
        try:
            TARGETS[name](content)
        except Exception as error:
            keep(name, content, repr(error))

    with tempfile.TemporaryDirectory() as folder:
        for number, content in enumerate(seeds(name)):
            Path(folder, str(number)).write_bytes(content)
        options = [f"-max_total_time={int(60 * minutes)}", f"-seed={seed + 1}", "-timeout=20", "-rss_limit_mb=4096"]
        atheris.Setup([sys.argv[0], folder, *options, "-max_len=4096", "-print_final_stats=1"], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
