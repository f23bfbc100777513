"""The page itself, driven in headless Chromium."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from maskdistill.pipeline.apps.view.app import make_app
from maskdistill.pipeline.apps.view.serve import address_of, allowed_hosts, bind
from maskdistill.pipeline.apps.view.viewed_run import ViewedRun
from maskdistill.pipeline.plan import Plan

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium; apt install chromium"),
]
TIMEOUT_MS = 120_000
"""Far more than anything takes, as tests run on busy machines."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for this file. Ended with it: while it runs, no other test could start an event loop."""
    # Chromium's own sandbox does not work for root, as in containers.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@contextmanager
def served(plan: Plan) -> Iterator[str]:
    with bind("127.0.0.1", 0) as listener:
        app = make_app(ViewedRun(plan), allowed_hosts("127.0.0.1"))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield address_of(listener, "127.0.0.1")
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, photo_plan: Callable[[Path], Plan], write_run: Callable[[Plan], None]
) -> Iterator[dict[str, str]]:
    """Addresses of a finished run, with one photo gone, and of one that has made nothing."""
    finished, empty = (photo_plan(tmp_path_factory.mktemp(name)) for name in ("finished", "empty"))
    write_run(finished)
    (finished.config.artifacts.parent / "photos" / "02.png").unlink()
    with served(finished) as first, served(empty) as second:
        yield {"finished": first, "empty": second}


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


@pytest.fixture
def visitor(browser: Any, runs: dict[str, str]) -> Iterator[Visitor]:
    """A visitor of the finished run, in a fresh window; no script may fail, and nothing be asked for elsewhere."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    found = Visitor(context.new_page(), runs["finished"])
    yield found
    context.close()
    assert found.faults == []


def shown(page: Any, selector: str) -> bool:
    script = "s => [...document.querySelectorAll(s)].some(i => i.complete && i.naturalWidth > 0)"
    return bool(page.evaluate(script, selector))


def test_the_grid_draws_photos_and_masks(visitor: Visitor) -> None:
    page = visitor.open()
    visitor.wait_for_tiles(list(range(12)))
    assert "12 images · 11 masks" in page.inner_text("[role=status]")
    visitor.wait_until(lambda: shown(page, "[data-item='0'] img.photo") and shown(page, "[data-item='0'] img.overlay"))
    assert page.query_selector("[data-item='11'] img.overlay") is None
    page.check("input[value=outline]")
    visitor.wait_until(lambda: "style=outline" in page.url)
    page.click(".stages >> text=candidates")
    visitor.wait_until(lambda: "36 masks" in page.inner_text("main"))


def test_filters_change_the_grid_and_the_address(visitor: Visitor) -> None:
    page = visitor.open("?layer=clusters")
    page.click(".clusters button:has-text('1')")
    visitor.wait_for_tiles([1, 4, 7, 10])
    page.select_option("select[name=sort]", "area-")
    visitor.wait_for_tiles([10, 7, 4, 1])
    page.fill("input[name=max_area]", "5")
    visitor.wait_for_tiles([4, 1])
    assert "max_area=0.05" in page.url
    page.click("text=Reset")
    visitor.wait_for_tiles(list(range(12)))
    page.fill("input[name=name]", "VAL")
    visitor.wait_for_tiles([9, 10, 11])


def test_a_deep_link_restores_the_whole_state(visitor: Visitor) -> None:
    page = visitor.open("?layer=clusters&cluster=1&sort=area&descending=true&max_area=0.05&style=outline&split=train")
    assert visitor.tiles() == ["4", "1"]
    assert page.input_value("select[name=sort]") == "area-"
    assert page.input_value("input[name=max_area]") == "5"
    assert page.input_value("select[name=split]") == "train"
    assert page.get_attribute(".clusters button:has-text('1')", "aria-pressed") == "true"
    assert page.is_checked("input[value=outline]")
    page.click("[data-item='4']")
    visitor.wait_until(lambda: "page=image" in page.url and "1 of 2" in page.inner_text("main"))
    page.go_back()
    visitor.wait_for_tiles([4, 1])


def test_the_image_page_puts_the_stages_side_by_side(visitor: Visitor) -> None:
    page = visitor.open("?page=image&image=4")
    layers = [panel.get_attribute("data-layer") for panel in page.query_selector_all(".panel")]
    assert layers == ["photo", "masks", "clusters", "candidates", "pseudo-labels", "predictions"]
    assert "cluster 0 · 0.95 · 13 %" in page.inner_text("[data-layer=candidates]")
    visitor.wait_until(lambda: all(shown(page, f"[data-layer={layer}] img.overlay") for layer in layers[1:]))
    page.check("input[value=heat]")
    visitor.wait_until(lambda: shown(page, "[data-layer=masks] img.overlay[src*=heat]"))
    page.click("[data-layer=candidates] a.frame")
    visitor.wait_until(lambda: len(page.query_selector_all(".panel")) == 1)
    page.keyboard.press("Escape")
    visitor.wait_until(lambda: len(page.query_selector_all(".panel")) == 6)


def test_the_cluster_page(visitor: Visitor) -> None:
    page = visitor.open("?page=clusters")
    assert "4 masks" in page.inner_text("[data-item='0']")
    page.click("[data-item='2']")
    visitor.wait_until(lambda: page.query_selector("[data-section=random]") is not None)

    def rows(section: str) -> list[str | None]:
        return [tile.get_attribute("data-item") for tile in page.query_selector_all(f"[data-section={section}] a.tile")]

    assert rows("typical") == ["2", "5", "8"]
    assert rows("atypical") == ["8", "5", "2"]
    assert sorted(rows("random"), key=str) == ["2", "5", "8"]
    page.click("text=Others")
    visitor.wait_until(lambda: "seed=1" in page.url)
    visitor.wait_until(lambda: shown(page, "[data-section=typical] [data-item='5'] img.photo"))


def test_the_threshold_slider_shows_what_is_kept_and_lost(visitor: Visitor) -> None:
    page = visitor.open("?page=threshold")

    def figures() -> list[str]:
        return [page.inner_text(f"[data-figure={name}] strong") for name in ("kept", "lost", "unsure")]

    assert figures() == ["26", "10", "0"]
    slider = page.query_selector("#threshold")
    slider.focus()
    slider.press("ArrowRight")
    visitor.wait_until(lambda: figures() == ["25", "11", "0"])
    assert "threshold=0.505" in page.url
    slider.press("End")
    visitor.wait_until(lambda: figures() == ["12", "24", "12"])
    assert "1 kept 2 lost" in page.inner_text("[data-item='0']")
    visitor.wait_until(lambda: shown(page, "[data-item='0'] img.overlay[src*='threshold=1']"))
    page.click("text=As configured: 0.5")
    visitor.wait_until(lambda: figures() == ["26", "10", "0"])


def test_the_map_shows_a_thumbnail_and_opens_the_image(visitor: Visitor) -> None:
    page = visitor.open("?page=map&row=4")
    visitor.wait_until(lambda: "04.png" in page.inner_text(".map-card"))
    visitor.wait_until(lambda: shown(page, ".map-card img"))
    pixels = page.evaluate(
        "() => { const c = document.querySelector('canvas'); const d = c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data; return d.filter((v, i) => i % 4 == 3 && v).length }"
    )
    assert pixels > 11 * 20
    page.focus("canvas")
    page.keyboard.press("ArrowRight")
    visitor.wait_until(lambda: "row=4" not in page.url)
    page.keyboard.press("Enter")
    visitor.wait_until(lambda: "page=image" in page.url)
    visitor.ready()


def test_the_keyboard_reaches_everything(visitor: Visitor) -> None:
    page = visitor.open("?layer=clusters")

    def focused() -> str | None:
        found: str | None = page.evaluate("() => document.activeElement.dataset.item ?? null")
        return found

    page.keyboard.press("j")
    page.keyboard.press("ArrowRight")
    assert focused() == "1"
    page.keyboard.press("ArrowDown")
    below = int(focused() or 0)
    assert below > 1
    page.keyboard.press("ArrowUp")
    page.keyboard.press("k")
    assert focused() == "0"
    page.keyboard.press("Enter")
    visitor.wait_until(lambda: "page=image" in page.url and "1 of 12" in page.inner_text("main"))
    page.keyboard.press("j")
    visitor.wait_until(lambda: "2 of 12" in page.inner_text("main"))
    page.keyboard.press("Escape")
    visitor.wait_for_tiles(list(range(12)))
    page.keyboard.press("3")
    visitor.wait_until(lambda: "layer=candidates" in page.url)
    page.keyboard.press("?")
    assert page.is_visible("dialog")
    page.keyboard.press("Escape")
    assert not page.is_visible("dialog")
    page.keyboard.press("g")
    page.keyboard.press("c")
    visitor.wait_until(lambda: "page=clusters" in page.url)
    visitor.ready()


def test_focus_can_be_seen(visitor: Visitor) -> None:
    page = visitor.open()
    page.keyboard.press("j")
    width = page.evaluate("() => getComputedStyle(document.activeElement).outlineWidth")
    assert float(width.removesuffix("px")) >= 2


def test_light_and_dark(visitor: Visitor) -> None:
    page = visitor.open()
    colours = []
    for _ in range(2):
        page.click("#theme")
        colours.append(page.evaluate("() => getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(245, 245, 242)", "rgb(18, 20, 22)"]
    visitor.open("?page=clusters")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == colours[1]


@pytest.mark.parametrize(
    "query", ["", "?page=image&image=4", "?page=clusters", "?page=cluster", "?page=threshold", "?page=map"]
)
def test_nothing_is_wider_than_a_phone(visitor: Visitor, query: str) -> None:
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    page = visitor.open(query)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_ids_are_text_and_never_markup(visitor: Visitor) -> None:
    page = visitor.open("?name=onerror")
    assert "<img src=x onerror" in page.inner_text("[data-item='9']")
    page.click("[data-item='9']")
    visitor.wait_until(lambda: "<img src=x onerror" in page.inner_text("h1"))
    assert page.title() != "hit"
    assert page.query_selector("img[src=x]") is None


def test_a_missing_image_tells_what_is_wrong(visitor: Visitor) -> None:
    page = visitor.open()
    visitor.wait_until(lambda: page.query_selector("[data-item='2'] .unreadable") is not None)
    assert "there is no such file" in page.inner_text("[data-item='2']")
    visitor.wait_until(lambda: shown(page, "[data-item='3'] img.photo"))


def test_an_empty_run_names_the_command_on_every_page(visitor: Visitor, runs: dict[str, str]) -> None:
    visitor.faults.clear()
    page = visitor.page
    for query in ("", "?page=image&image=1", "?page=clusters", "?page=threshold", "?page=map"):
        page.goto(runs["empty"] + query)
        visitor.ready()
        assert "maskdistill run -c" in page.inner_text("main"), query
    page.goto(runs["empty"])
    visitor.wait_until(lambda: shown(page, "[data-item='0'] img.photo"))
    assert "mine · not made" in page.inner_text(".stages")
    visitor.faults[:] = [fault for fault in visitor.faults if not fault.startswith(runs["empty"])]
