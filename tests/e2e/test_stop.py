"""Ctrl-C ends a run at once, in one line, and the same command goes on from there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEEDING = """
import signal
from maskdistill.pipeline.apps.cli import main
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
    main()
"""
SECONDS = 3.0
STOPPED = "stopped; the same command goes on from here"
SMALL = """
data: {kind: scenes, n_train: 60, n_val: 4, size: 64}
mine: {model: vit_tiny_patch16_224, weights: random, affinity: {short_side: 96}}
cluster: {k: 3, max_side: 96}
distill: {backend: regions, backbone: vit, iterations: 40, batch_size: 2}
filter: {threshold: 0.0, crf: {masks: true}}
segment: {backbone: resnet18, output_stride: 16, crop: 64, iterations: 100000, batch_size: 2}
execution: {device: cpu, part_size: 16}
"""


def stop_in(stage: str, *command: str, folder: Path) -> tuple[int, list[str], float]:
    """Send Ctrl-C to all processes of the terminal once a stage is at work, the server of Prefect included.

    Returns:
        Exit code, what was printed from then on less the lines of the stages, and the seconds that it took.
    """
    script = folder / "heeding.py"
    script.write_text(HEEDING)
    line = [sys.executable, str(script), *command]
    with subprocess.Popen(
        line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        for printed in process.stderr:
            if printed.startswith(f"{stage} ·"):
                break
        os.killpg(process.pid, signal.SIGINT)
        sent = time.monotonic()
        rest = process.stderr.read().splitlines()
        code = process.wait()
        seconds = time.monotonic() - sent
    return code, [one for one in rest if " · " not in one and not one.startswith(f"{stage}:")], seconds


@pytest.mark.parametrize("options", [("--no-prefect",), (), ("--no-prefect", "-s", "execution.workers=2")], ids=str)
def test_ctrl_c(options: tuple[str, ...], tmp_path: Path) -> None:
    small = ("-s", "execution.part_size=50", "-s", "evaluate.baselines=false", "-s", f"artifacts={tmp_path}")
    code, said, seconds = stop_in("mine", "run", "-c", "demo", "--to", "mine", *small, *options, folder=tmp_path)
    assert (code, said) == (130, [STOPPED])
    assert seconds < SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("prefect", ["--prefect", "--no-prefect"])
def test_ctrl_c_in_every_stage(prefect: str, tmp_path: Path) -> None:
    """The same command again and again: each time it has got one stage further."""
    (tmp_path / "small.yaml").write_text(f"{SMALL}\nartifacts: {tmp_path / 'artifacts'}\n")
    for stage in ("features", "mine", "cluster", "distill", "filter", "segment"):
        code, said, seconds = stop_in(stage, "run", "-c", str(tmp_path / "small.yaml"), prefect, folder=tmp_path)
        assert (code, said[-1]) == (130, STOPPED), stage
        assert seconds < SECONDS, stage
        assert not any("Traceback" in line or "Error" in line for line in said)
