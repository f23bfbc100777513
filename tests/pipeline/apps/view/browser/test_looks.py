"""How masks are shown: their colours, one alone, their opacity, beside the ground truth, and on a phone."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from rich.console import Console

from helpers.visitor import Visitor, shown
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan

pytestmark = pytest.mark.browser


@pytest.fixture
def scored(browser: Any, plan: Plan, serve: Callable[..., AbstractContextManager[str]]) -> Iterator[Visitor]:
    """A visitor of a run with ground truth."""
    run_stages(plan, plan.specs, Console(quiet=True))
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    with serve(plan) as address:
        found = Visitor(context.new_page(), address)
        yield found
        context.close()
    assert found.faults == []


def test_a_chip_shows_its_mask_alone(visitor: Visitor) -> None:
    page = visitor.open("?page=image&image=4")
    only = "[data-layer=candidates] img.only"
    page.hover("[data-layer=candidates] [data-mask='1']")
    visitor.wait_until(lambda: shown(page, only))
    assert "only=1" in page.get_attribute(only, "src")
    page.hover("h1")
    assert page.query_selector(only) is None
    page.focus("[data-layer=masks] [data-mask='0']")
    visitor.wait_until(lambda: shown(page, "[data-layer=masks] img.only"))


def test_the_opacity_of_masks_is_chosen_and_kept(visitor: Visitor) -> None:
    page = visitor.open("?layer=clusters")
    visitor.wait_until(lambda: shown(page, "[data-item='0'] img.overlay"))

    def opacity() -> str:
        found: str = page.evaluate("() => getComputedStyle(document.querySelector('img.overlay')).opacity")
        return found

    assert opacity() == "0.9"
    page.focus("input[name=opacity]")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert opacity() == "0.05"
    visitor.open("?page=image&image=1")
    assert page.input_value("input[name=opacity]") == "5"
    assert opacity() == "0.05"


def test_a_phone_swipes_between_stages(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    page = visitor.open("?page=image&image=1")
    tops = {panel.bounding_box()["y"] for panel in page.query_selector_all(".panel")}
    assert len(tops) == 1
    page.evaluate("() => document.querySelector('.panels').scrollBy(390, 0)")
    box = page.query_selector("[data-layer=masks]").bounding_box
    visitor.wait_until(lambda: 0 <= box()["x"] < 30)


def test_clusters_show_a_dozen_masks_and_tiles_the_end_of_a_name(visitor: Visitor) -> None:
    page = visitor.open("?page=clusters")
    assert len(page.query_selector_all("[data-item='0'] .strip .picture")) == 4
    visitor.open("?page=masks&sort=order")
    assert page.evaluate("() => getComputedStyle(document.querySelector('.tile .id')).direction") == "rtl"
    assert "val/a.png" in page.inner_text("[data-item='10']")


def test_the_ground_truth_is_a_layer_with_scores(scored: Visitor) -> None:
    page = scored.open("?page=image&image=1")
    scored.wait_until(lambda: shown(page, "[data-layer=truth] img.overlay"))
    assert "IoU 1.00" in page.inner_text("[data-layer=masks]")
    assert "IoU" in page.inner_text("[data-layer=predictions] figcaption")
    page.hover("[data-layer=truth] [data-mask='0']")
    scored.wait_until(lambda: shown(page, "[data-layer=truth] img.only"))
    page.focus("[data-layer=truth] a.frame")
    page.keyboard.press("Enter")
    scored.wait_until(lambda: len(page.query_selector_all(".panel")) == 1)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_the_worst_come_first_and_clusters_have_classes(scored: Visitor) -> None:
    page = scored.open("?layer=predictions")
    page.select_option("select[name=sort]", "iou")
    scored.wait_until(lambda: "IoU" in page.inner_text("main .grid"))
    page = scored.open("?page=masks")
    page.select_option("select[aria-label='Sort by']", "iou")
    scored.wait_until(lambda: "sort=iou" in page.url and "IoU" in page.inner_text("main .grid"))
    page = scored.open("?page=clusters")
    scored.wait_until(lambda: "100 %" in page.inner_text("[data-item='0']"))


def test_what_stages_disagree_about_comes_first(visitor: Visitor) -> None:
    page = visitor.open("?layer=clusters")
    page.focus("select[name=sort]")
    page.keyboard.type("stages disagree")
    visitor.wait_until(lambda: "sort=disagreement" in page.url and "descending=true" in page.url)
    visitor.wait_until(lambda: "% otherwise" in page.inner_text("main .grid"))
    page.set_viewport_size({"width": 390, "height": 844})
    page = visitor.open("?page=masks")
    page.focus("select[aria-label='Sort by']")
    page.keyboard.type("the final model dis")
    visitor.wait_until(lambda: "sort=disagreement" in page.url)
    visitor.wait_until(lambda: "% otherwise" in page.inner_text("main .grid"))
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
