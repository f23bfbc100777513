"""A visitor of a web page, in a browser that playwright drives."""

import time
from collections.abc import Callable
from typing import Any

TIMEOUT_MS = 120_000
"""Far more than anything takes, as tests run on busy machines."""


class Visitor:
    """A browser page, and the faults that it met."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address
        self.faults: list[str] = []
        page.set_default_timeout(TIMEOUT_MS)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on(
            "console", lambda message: self.faults.append(message.text) if "Content Security" in message.text else None
        )
        page.on("request", lambda request: None if request.url.startswith(address) else self.faults.append(request.url))

    def open(self, query: str = "") -> Any:
        self.page.goto(self.address + query)
        self.ready()
        return self.page

    def ready(self) -> None:
        self.page.wait_for_selector("main:not([aria-busy])")

    def tiles(self) -> list[str]:
        return [str(tile.get_attribute("data-item")) for tile in self.page.query_selector_all("main [data-item]")]

    def wait_for_tiles(self, expected: list[int]) -> None:
        self.wait_until(lambda: self.tiles() == [str(item) for item in expected])

    def wait_until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT_MS / 1000
        while not holds():
            assert time.monotonic() < deadline, f"{self.page.url}: {self.tiles()}"
            self.page.wait_for_timeout(20)


def shown(page: Any, selector: str) -> bool:
    script = "s => [...document.querySelectorAll(s)].some(i => i.complete && i.naturalWidth > 0)"
    return bool(page.evaluate(script, selector))
