"""A temporary Prefect server on this machine, for as long as a run lasts.

Prefect can start one by itself, but that one outlives a run that is killed and shows no pages. This one ends with its
parent, and its pages can be watched while the run goes on.

    python -m maskdistill.pipeline.server PORT        what `local_server` starts
"""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from maskdistill.data.errors import MaskDistillError

_STARTUP_SECONDS = 300
_HOST = "127.0.0.1"


@contextmanager
def local_server(home: Path) -> Iterator[str]:
    """Start a server that keeps its history in `home`; gives its address, and ends it when the block does.

    Raises:
        MaskDistillError: It did not come up; the text holds the place of its log.
    """
    home.mkdir(parents=True, exist_ok=True)
    log = home / "server.log"
    port = _free_port()
    command = [sys.executable, "-m", "maskdistill.pipeline.server", str(port)]
    with log.open("ab") as output:
        # One at a time: the first start makes the database.
        with FileLock(home / "start.lock"):
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output)
            _wait_until_up(process, f"http://{_HOST}:{port}", log)
        try:
            yield f"http://{_HOST}:{port}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def serve(port: int) -> None:
    """Run the server until the process that started it is gone, however that ended."""
    import uvicorn

    threading.Thread(target=_end_with_parent, daemon=True).start()
    uvicorn.run("prefect.server.api.server:create_app", factory=True, host=_HOST, port=port, log_level="error")


def _end_with_parent() -> None:
    # The other end of this pipe is held by the parent alone, so it closes when the parent dies, kill -9 included.
    sys.stdin.buffer.read()
    os._exit(0)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_up(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    deadline = time.monotonic() + _STARTUP_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/api/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    process.kill()
    process.wait()
    raise MaskDistillError(f"the local Prefect server did not start; see {log}, or run with --no-prefect")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
