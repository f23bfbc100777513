"""Two runs side by side."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from helpers.visitor import Visitor, shown
from maskdistill.pipeline.plan import Plan

pytestmark = pytest.mark.browser


@pytest.fixture
def comparer(
    browser: Any,
    tmp_path: Path,
    photo_plan: Callable[[Path], Plan],
    write_run: Callable[[Plan], None],
    serve: Callable[..., AbstractContextManager[str]],
) -> Iterator[Visitor]:
    """A visitor of a run that is compared with a copy of it."""
    plans = [photo_plan(tmp_path / name) for name in ("one", "two")]
    for plan in plans:
        write_run(plan)
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    with serve(plans[0], against=plans[1]) as address:
        found = Visitor(context.new_page(), address)
        yield found
        context.close()
    assert found.faults == []


def test_pairs_with_the_keyboard_and_on_a_phone(comparer: Visitor) -> None:
    page = comparer.open()
    page.keyboard.press("g")
    page.keyboard.press("v")
    comparer.wait_until(lambda: "12 images of both" in page.inner_text("main"))
    comparer.wait_until(lambda: shown(page, "[data-item='0'] .half:nth-child(2) img.photo[src^=other]"))
    page.keyboard.press("2")
    comparer.wait_until(lambda: "layer=clusters" in page.url)
    comparer.ready()
    page.check("input[value=order]")
    comparer.wait_until(lambda: "sort=order" in page.url)
    comparer.wait_for_tiles(list(range(12)))
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    comparer.wait_until(lambda: "page=image" in page.url)
    comparer.ready()


def test_the_map_of_both_runs_is_coloured_by_run(comparer: Visitor) -> None:
    page = comparer.open("?page=map")
    page.select_option("select[name=layout]", "both")
    comparer.wait_until(lambda: "22 masks of two runs" in page.inner_text("main"))
    comparer.ready()
    assert page.input_value("select[name=by]") == "run"
    assert "the other run" in page.inner_text("main .chips")
    page.focus("canvas")
    seen = set()
    for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown") * 3:
        page.keyboard.press(key)
        comparer.wait_until(lambda: "distance" in page.inner_text(".map-card"))
        seen.add(page.inner_text(".map-card").splitlines()[-1].split(" · ")[0])
    assert seen <= {"this run", "the other run"} and seen
    page.keyboard.press("Enter")
    comparer.wait_until(lambda: "page=map" not in page.url)
    comparer.ready()
    page.goto(comparer.address + "?page=map&layout=both&row=15")
    comparer.ready()
    page.focus("canvas")
    page.keyboard.press("Enter")
    comparer.wait_until(lambda: "name=" in page.url)
    comparer.ready()
    comparer.open("?page=map&layout=both")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
