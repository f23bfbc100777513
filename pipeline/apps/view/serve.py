"""Binding the address and running the server until it is told to stop."""

import contextlib
import errno
import ipaddress
import socket
import webbrowser
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.view.impatient import ImpatientProtocol

_MOST_CONNECTIONS = 100
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises InputError where the port is taken or the host is not one of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise InputError(f"--port {port}: in use by another program; choose another, or 0 for any") from None
        raise InputError(f"--host {host} --port {port}: cannot listen there ({error.strerror or error})") from None
    return listener


def address_of(listener: socket.socket, host: str) -> str:
    """The address to type into a browser."""
    shown = "localhost" if _is_everywhere(host) else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}/"


def allowed_hosts(host: str) -> list[str]:
    """The Host headers to answer when bound to `host`: its own name, and those of this machine where it is local."""
    names = {host, *_LOCAL_HOSTS}
    if _is_everywhere(host):
        names.add(socket.gethostname())
        with contextlib.suppress(OSError):
            names.update(str(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), None))
    # In a Host header, IPv6 addresses stand in brackets.
    return sorted(f"[{name}]" if ":" in name else name for name in names)


def serve(
    app: FastAPI,
    listener: socket.socket,
    *,
    on_start: Callable[[], object] = lambda: None,
    protocol: type[ImpatientProtocol] = ImpatientProtocol,
) -> None:
    """Answer requests until interrupted."""
    config = uvicorn.Config(
        app,
        http=protocol,
        log_level="warning",
        access_log=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    on_start()
    # The server ends well on Ctrl-C and then raises it again.
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


def open_browser(address: str) -> None:
    """Show the page in the user's browser, where there is one."""
    webbrowser.open(address)


def _is_everywhere(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
