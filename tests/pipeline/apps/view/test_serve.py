"""The command itself: its address, a port that is taken, Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.view.serve import address_of, bind
from maskdistill.pipeline.plan import Plan


def command(plan: Plan, *options: str) -> list[str]:
    executable = str(Path(sys.executable).with_name("maskdistill"))
    return [executable, "view", "-c", str(plan.config_source.paths[0]), *options]


def test_it_prints_its_address_and_ends_on_ctrl_c(finished_plan: Plan) -> None:
    with subprocess.Popen(
        command(finished_plan, "--port", "0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stdout
        address = process.stdout.readline().split()[0]
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{address}api/run", timeout=60) as response:
            assert b'"photos"' in response.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        assert process.stderr
        assert process.stderr.read() == ""


def test_a_port_that_is_taken_is_exit_code_2(empty_plan: Plan) -> None:
    with bind("127.0.0.1", 0) as listener:
        port = str(listener.getsockname()[1])
        line = command(empty_plan, "--port", port)
        result = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 2
    assert f"--port {port}: in use" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(InputError, match="cannot listen there"):
        bind("203.0.113.1", 0)


def test_the_address_names_the_host() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert listener.family == socket.AF_INET
        assert address_of(listener, "127.0.0.1") == f"http://127.0.0.1:{port}/"
        assert address_of(listener, "0.0.0.0") == f"http://localhost:{port}/"
        assert address_of(listener, "::1") == f"http://[::1]:{port}/"
