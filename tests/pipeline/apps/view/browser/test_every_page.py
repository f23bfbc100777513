"""What holds of every page: keyboard, colours, narrow screens, hostile names, nothing made yet."""

import pytest

from helpers.visitor import Visitor, shown

pytestmark = pytest.mark.browser


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
    "query",
    ["", "?page=image&image=4", "?page=clusters", "?page=cluster", "?page=masks", "?page=threshold", "?page=map"],
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
    for query in ("", "?page=image&image=1", "?page=clusters", "?page=masks", "?page=threshold", "?page=map"):
        page.goto(runs["empty"] + query)
        visitor.ready()
        assert "maskdistill run -c" in page.inner_text("main"), query
    page.goto(runs["empty"])
    visitor.wait_until(lambda: shown(page, "[data-item='0'] img.photo"))
    assert "mine · not made" in page.inner_text(".stages")
    visitor.faults[:] = [fault for fault in visitor.faults if not fault.startswith(runs["empty"])]
