"""Ctrl-C ends a run at once, in one line, and the same command goes on from there."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HEEDING = """
import signal
from maskdistill.pipeline.apps.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
main()
"""
RUN = ["run", "-c", "demo", "--to", "mine", "-s", "evaluate.baselines=false"]


@pytest.mark.parametrize("prefect", [False, True])
def test_ctrl_c(prefect: bool, tmp_path: Path) -> None:
    """Sent to all processes of the terminal, the server of Prefect included, once masks are being mined."""
    command = [
        sys.executable,
        "-c",
        HEEDING,
        *RUN,
        "-s",
        f"artifacts={tmp_path}",
        *([] if prefect else ["--no-prefect"]),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("mine"):
                break
        os.killpg(process.pid, signal.SIGINT)
        said = [line for line in process.stderr.read().splitlines() if not line.startswith("mine")]
    assert process.returncode == 130
    assert said == ["stopped; the same command goes on from here"]
