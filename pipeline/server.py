"""The Prefect server that a run reports to: the user's, or one on this machine for as long as the run lasts.

Prefect can start one by itself, but that one outlives a run that is killed and shows no pages. This one ends with its
parent, and its pages can be watched while the run goes on.

    python -m maskdistill.pipeline.server PORT MADE        what `local_server` starts
"""

import asyncio
import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, MutableMapping
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock
from rich.console import Console

from maskdistill.data.errors import InputError, MaskDistillError

_HOST = "127.0.0.1"
_LOG, _MADE, _DATABASE = "server.log", "database.made", "prefect.db"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
NOT_NEEDED = (
    "cancellation_cleanup", "cleanup_reconciler", "foreman", "late_runs", "pause_expirations", "repossessor",
    "scheduler", "triggers",
)  # fmt: skip
"""Services of Prefect that look after schedules, workers and automations: a run has none, and they never rest."""
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def reach_loopback_directly(environment: MutableMapping[str, str], console: Console) -> None:
    """Let no library ask a proxy for addresses of this machine: add them to `NO_PROXY`, in both ways it is written.

    Proxies that no library here can speak to are taken out, and said: httpx fails at their mere name.
    """
    for name in [name for name in environment if name.lower().endswith("_proxy") and name.lower() != "no_proxy"]:
        if why := _why_no_proxy(environment[name]):
            console.print(f"{name}={environment[name]} is not used: {why}", markup=False)
            del environment[name]
    named = [environment[name] for name in ("no_proxy", "NO_PROXY") if environment.get(name)]
    known = [host.strip() for text in named for host in text.split(",") if host.strip()]
    # A star stands for all hosts, and means so only by itself.
    hosts = "*" if "*" in known else ",".join(dict.fromkeys([*known, *_LOOPBACK]))
    environment["no_proxy"] = environment["NO_PROXY"] = hosts


def _why_no_proxy(address: str) -> str | None:
    """Why an address is not that of a proxy that can be used; None where it is, or where there is none."""
    scheme, known, _ = address.strip().rpartition("://")
    if scheme.lower().startswith("socks"):
        return "SOCKS needs the package socksio" if find_spec("socksio") is None else None
    try:
        parts = urlsplit(address.strip() if known else f"http://{address.strip()}")
        good = not address.strip() or (parts.hostname and (parts.port is None or parts.port > 0))
    except ValueError:  # a port that is no number
        good = False
    if good and (not known or parts.scheme in ("http", "https")):
        return None
    return "not the address of a proxy, such as http://host:3128"


def check_server(address: str, seconds: float = 10) -> None:
    """Make sure that a Prefect server answers at the address in `PREFECT_API_URL`.

    Any answer of Prefect's will do, that it wants a key included: the run itself finds out whether the key is right.

    Raises:
        InputError: Nobody answers within some seconds, or it is no server of Prefect.
    """
    remedy = "start that server, correct the variable, unset it for a server of the run's own, or run with --no-prefect"
    found: list[str | None] = []
    # What waits in it, a name service say, has limits of its own.
    asking = threading.Thread(target=lambda: found.append(_why_no_server(address, seconds)), daemon=True)
    asking.start()
    asking.join(seconds)
    reason = found[0] if found else f"timed out after {seconds:g} s"
    if reason is not None:
        raise InputError(f"PREFECT_API_URL={address}: no Prefect server answers ({reason}); {remedy}")


@contextlib.contextmanager
def explain_prefect(address: str) -> Iterator[None]:
    """Turn what Prefect's client says of a server, a key that is refused say, into one line.

    Raises:
        InputError: The server does not do what is asked of it.
    """
    try:
        yield
    except Exception as error:
        of_client = type(error).__module__.split(".")[0] in ("prefect", "httpx", "httpcore", "websockets")
        if not of_client and "reach API" not in str(error):
            raise
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            f"PREFECT_API_URL={address}: the Prefect server does not serve this run ({why}); correct the variable, or "
            "PREFECT_API_KEY, or run with --no-prefect"
        ) from error


def _why_no_server(address: str, seconds: float) -> str | None:
    """Why an address is not that of a Prefect server; None where it is."""
    try:
        opener = _DIRECT if urlsplit(address).hostname in _LOOPBACK else urllib.request.build_opener()
        with opener.open(f"{address.rstrip('/')}/health", timeout=seconds) as answer:
            page = answer.read(64).lstrip().startswith(b"<")
            return "a web page, which is not what Prefect says there; an address ends in /api" if page else None
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return None
        return f"HTTP {error.code}, which is not what Prefect says there; an address ends in /api"
    except (OSError, ValueError, HTTPException) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__


@contextlib.contextmanager
def local_server(home: Path, console: Console, seconds: float = 60) -> Iterator[str]:
    """Start a server that keeps its history in `home`; gives its address, and ends it when the block does.

    Args:
        home: A folder.
        console: Where the wait is shown.
        seconds: How long it may take to come up, once its database is made.

    Raises:
        InputError: The folder cannot be made.
        MaskDistillError: It did not come up; the text holds the place of its log.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"PREFECT_HOME={home}: cannot be made ({error.strerror}); name another folder, or run with --no-prefect"
        ) from error
    port = _free_port()
    command = [sys.executable, "-m", "maskdistill.pipeline.server", str(port), str(home / _MADE)]
    with (home / _LOG).open("ab") as output, contextlib.ExitStack() as stack:
        # One at a time: the first start makes the database.
        with FileLock(home / "start.lock"):
            set_aside_damaged(home, console)
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True
            )
            # Of another session: Ctrl-C is for the run, which then tells the server.
            stack.callback(_end, process)
            console.print(f"Prefect: starting a server on this machine, which may take {seconds:g} s", highlight=False)
            _wait_until_up(process, f"http://{_HOST}:{port}", home, seconds)
        yield f"http://{_HOST}:{port}"


def set_aside_damaged(home: Path, console: Console) -> None:
    """Rename a database that SQLite cannot read, for the server to begin a new one: no result is in it."""
    path = home / _DATABASE
    if not path.exists():
        (home / _MADE).unlink(missing_ok=True)
        return
    with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        try:
            sound = database.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
        except sqlite3.OperationalError:  # another run is writing, or the like
            return
        except sqlite3.DatabaseError:
            sound = False
    if not sound:
        for name in (_DATABASE, f"{_DATABASE}-wal", f"{_DATABASE}-shm"):
            with contextlib.suppress(FileNotFoundError):
                (home / name).replace(home / f"{name}.damaged")
        (home / _MADE).unlink(missing_ok=True)
        console.print(f"Prefect: {path} is damaged; its history begins anew", markup=False, soft_wrap=True)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def serve(port: int, made: Path) -> None:
    """Run the server until the process that started it is gone, however that ended.

    Args:
        port: Where it listens.
        made: A file that is made once the database is.
    """
    # Prefect reads it when it is imported; the database is made below, once.
    os.environ["PREFECT_SERVER_DATABASE_MIGRATE_ON_START"] = "false"
    # Connections to other systems that could be configured on its pages: writing their kinds down takes seconds.
    os.environ.setdefault("PREFECT_SERVER_REGISTER_BLOCKS_ON_START", "false")
    for service in NOT_NEEDED:
        os.environ.setdefault(f"PREFECT_SERVER_SERVICES_{service.upper()}_ENABLED", "false")
    import uvicorn
    from prefect.server.database import provide_database_interface

    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(provide_database_interface().create_db())
    made.touch()
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


def _wait_until_up(process: "subprocess.Popen[bytes]", address: str, home: Path, seconds: float) -> None:
    made = (home / _MADE).exists()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with _DIRECT.open(f"{address}/api/health", timeout=1):
                return
        except (OSError, HTTPException):
            time.sleep(0.1)
        if not made and (home / _MADE).exists():
            made, deadline = True, time.monotonic() + seconds
    what = f"did not answer within {seconds:g} s" if process.poll() is None else f"ended with code {process.returncode}"
    raise MaskDistillError(
        f"the local Prefect server {what}; run with --no-prefect, or see {home / _LOG} for the reason"
    )


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
