"""The map: layouts, colours, and drawing around masks, with mouse, keyboard and on a phone."""

import pytest

from helpers.visitor import Visitor

pytestmark = pytest.mark.browser


def test_drawing_around_masks_lists_them(visitor: Visitor) -> None:
    page = visitor.open("?page=map")
    page.click("text=Lasso")
    box = page.query_selector("canvas").bounding_box()
    corners = [(2, 2), (box["width"] - 2, 2), (box["width"] - 2, box["height"] - 2), (2, box["height"] - 2)]
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    for x, y in corners:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=2)
    page.mouse.up()
    visitor.wait_until(lambda: "page=masks" in page.url)
    visitor.ready()
    assert "11 masks" in page.inner_text("main [role=status]")
    page.keyboard.press("Escape")
    visitor.wait_until(lambda: "page=map" in page.url)
    visitor.ready()


def test_the_keyboard_lists_the_masks_in_view(visitor: Visitor) -> None:
    page = visitor.open("?page=map&row=4")
    page.focus("canvas")
    for _ in range(12):
        page.keyboard.press("+")
    page.keyboard.press("v")
    visitor.wait_until(lambda: "page=masks" in page.url)
    visitor.ready()
    assert 0 < len(visitor.tiles()) < 11
    assert "4" in visitor.tiles()


def test_layouts_and_colours(visitor: Visitor) -> None:
    page = visitor.open("?page=map")
    page.select_option("select[name=layout]", "tsne")
    visitor.wait_until(lambda: "t-SNE of the whitened embeddings" in page.inner_text("main"))
    page.select_option("select[name=by]", "area")
    visitor.wait_until(lambda: "high area" in page.inner_text("main"))
    assert "layout=tsne" in page.url
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
