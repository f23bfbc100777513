"""The Prefect server that a run reports to: no proxy stands before it, and nobody waits long for one in vain."""

import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.pipeline.server import (
    NOT_NEEDED,
    check_server,
    explain_prefect,
    local_server,
    reach_loopback_directly,
    set_aside_damaged,
)


@contextmanager
def answering(code: int, page: bytes = b"") -> Iterator[str]:
    """A server that says the same to everything; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


@pytest.mark.parametrize("code", [200, 401])
def test_an_answer_is_enough_whatever_the_proxy(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with answering(code) as address:
        check_server(address)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://127.0.0.1:9/api", "refused"),
        ("127.0.0.1:9/api", "unknown url type"),
        ("http://[::1/api", "Invalid IPv6"),
        ("ftp:", "."),
    ],
)
def test_an_address_where_nobody_answers_is_named_with_what_to_do(address: str, reason: str) -> None:
    with pytest.raises(InputError, match=rf"^PREFECT_API_URL=.*{reason}.*unset it .*--no-prefect") as caught:
        check_server(address)
    assert "\n" not in str(caught.value)


def test_another_server_is_not_taken_for_prefect() -> None:
    with answering(404) as address, pytest.raises(InputError, match=r"HTTP 404.*ends in /api"):
        check_server(address)


def test_a_page_is_not_taken_for_prefect() -> None:
    with answering(200, b"<!doctype html>") as address, pytest.raises(InputError, match=r"a web page.*ends in /api"):
        check_server(address)


def test_what_prefect_says_of_a_key_is_told_in_one_line() -> None:
    with (
        pytest.raises(InputError, match=r"^PREFECT_API_URL=u: .*\(no key\).*PREFECT_API_KEY.*--no-prefect"),
        explain_prefect("u"),
    ):
        raise httpx.HTTPError("no key\nFor more information see the web")
    with pytest.raises(ValueError, match="of a stage"), explain_prefect("u"):
        raise ValueError("of a stage")


def test_a_server_that_says_a_letter_at_a_time_is_given_up() -> None:
    with socket.socket() as slow:
        slow.bind(("127.0.0.1", 0))
        slow.listen()
        threading.Thread(target=trickle, args=(slow,), daemon=True).start()
        with pytest.raises(InputError, match=r"timed out after 0\.3 s"):
            check_server(f"http://127.0.0.1:{slow.getsockname()[1]}/api", seconds=0.3)


def trickle(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection, suppress(OSError):
        for letter in b"HTTP/1.1 200 OK" + b"\r\nX: y" * 5:
            connection.send(bytes([letter]))
            time.sleep(0.1)


def test_a_server_that_accepts_and_says_nothing_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        before = time.monotonic()
        with pytest.raises(InputError, match="timed out"):
            check_server(f"http://127.0.0.1:{silent.getsockname()[1]}/api", seconds=0.2)
        assert time.monotonic() - before < 5


def test_loopback_is_added_to_what_passes_by_the_proxy() -> None:
    environment = {"http_proxy": "http://proxy:3128", "NO_PROXY": "example.org, localhost"}
    reach_loopback_directly(environment, Console(quiet=True))
    assert environment["no_proxy"] == environment["NO_PROXY"] == "example.org,localhost,127.0.0.1,::1"
    assert environment["http_proxy"] == "http://proxy:3128"


@pytest.mark.parametrize(
    ("address", "used"),
    [
        ("http://proxy:3128", True),
        ("https://user:p%40@proxy", True),
        ("proxy:3128", True),
        ("", True),
        ("foo://proxy:1", False),
        ("::::", False),
        ("http://", False),
        ("http://proxy:x", False),
    ],
)
def test_what_is_no_proxy_is_said_and_not_used(address: str, *, used: bool) -> None:
    environment, said = {"ALL_PROXY": address}, StringIO()
    reach_loopback_directly(environment, Console(file=said, width=200))
    assert (environment.get("ALL_PROXY") == address) == used
    assert said.getvalue() == (
        "" if used else f"ALL_PROXY={address} is not used: not the address of a proxy, such as http://host:3128\n"
    )


def test_a_star_stays_by_itself() -> None:
    environment = {"http_proxy": "http://proxy:3128", "NO_PROXY": "*"}
    reach_loopback_directly(environment, Console(quiet=True))
    assert environment["no_proxy"] == environment["NO_PROXY"] == "*"


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match=r"PREFECT_HOME=.*file/home: cannot be made .*--no-prefect"),
        local_server(tmp_path / "file" / "home", Console(quiet=True)),
    ):
        pass


def test_the_wait_for_a_server_is_shown_and_ends_with_what_to_do(tmp_path: Path) -> None:
    said = StringIO()
    with (
        pytest.raises(MaskDistillError, match=r"did not answer within 0\.1 s; run with --no-prefect, or see .*log"),
        local_server(tmp_path / "home", Console(file=said, width=200), seconds=0.1),
    ):
        pass
    assert "Prefect: starting a server on this machine, which may take 0.1 s" in said.getvalue()


@pytest.mark.parametrize("damage", [lambda content: bytes(1000), lambda content: content[:5000]])
def test_a_damaged_history_is_set_aside_with_a_line(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path, said = tmp_path / "prefect.db", StringIO()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE runs (name TEXT)")
        database.executemany("INSERT INTO runs VALUES (?)", [("x" * 1000,)] * 50)
        database.commit()
    set_aside_damaged(tmp_path, Console(file=said))
    assert (path.exists(), said.getvalue()) == (True, "")
    path.write_bytes(damage(path.read_bytes()))
    set_aside_damaged(tmp_path, Console(file=said))
    assert (path.exists(), (tmp_path / "prefect.db.damaged").exists()) == (False, True)
    assert "damaged" in said.getvalue()


def test_services_that_are_left_out_are_services_of_prefect() -> None:
    from prefect.settings.models.server.services import ServerServicesSettings

    assert set(NOT_NEEDED) < set(ServerServicesSettings.model_fields)
