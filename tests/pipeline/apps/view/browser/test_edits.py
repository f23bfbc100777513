"""Changing things in the page: with keys, mouse and touch, and what comes of it in the file."""

from typing import Any

import pytest

from helpers.visitor import Visitor
from maskdistill.data.edits import Edits, read_edits
from maskdistill.pipeline.plan import Plan

pytestmark = pytest.mark.browser


def saved(plan: Plan) -> Edits:
    return read_edits(plan.edits_file)


def chosen(page: Any) -> list[str]:
    return [tile.get_attribute("data-item") for tile in page.query_selector_all(".chosen > [data-pick]")]


def focused(page: Any) -> str | None:
    found: str | None = page.evaluate("() => document.activeElement.dataset.item ?? null")
    return found


def tagged(page: Any, tag: str) -> list[str]:
    return [tile.get_attribute("data-item") for tile in page.query_selector_all(f"[data-tag={tag}] > [data-pick]")]


def test_masks_are_excluded_with_the_keyboard_alone(editor: Visitor, edited_plan: Plan) -> None:
    page = editor.open("?page=masks&sort=order")
    editor.wait_for_tiles(list(range(11)))
    for key in ("j", "j", "x", "Shift+ArrowRight", "Shift+J"):
        page.keyboard.press(key)
    assert chosen(page) == ["1", "2", "3"]
    assert "3 masks chosen" in page.inner_text("#edits [role=status]")
    page.keyboard.press("e")
    editor.wait_until(lambda: tagged(page, "excluded") == ["1", "2", "3"])
    assert focused(page) == "4"
    assert chosen(page) == []
    page.keyboard.press("f")
    editor.wait_until(lambda: tagged(page, "flagged") == ["4"])
    page.keyboard.press("e")
    editor.wait_until(lambda: tagged(page, "excluded") == ["1", "2", "3", "5"])
    assert saved(edited_plan).masks.excluded["01.png"] == ("5 5 11 10 110",)
    assert len(saved(edited_plan).masks.excluded) == 4
    page.keyboard.press("u")
    editor.wait_until(lambda: tagged(page, "excluded") == ["1", "2", "3"])
    assert len(saved(edited_plan).masks.excluded) == 3
    for key in ("k", "k", "c"):
        page.keyboard.press(key)
    editor.wait_until(lambda: "4 masks excluded" not in page.inner_text("#edits"))
    page.keyboard.press("a")
    assert len(chosen(page)) == 11
    page.keyboard.press("Escape")
    assert chosen(page) == []
    page.keyboard.press("a")
    page.keyboard.press("e")
    editor.wait_until(lambda: len(tagged(page, "excluded")) == 11)
    assert "page=masks" in page.url


def test_tiles_are_chosen_with_the_mouse(editor: Visitor) -> None:
    page = editor.open("?page=masks&sort=order")
    page.click("[data-item='2']", modifiers=["Control"])
    page.click("[data-item='5']", modifiers=["Shift"])
    assert chosen(page) == ["2", "3", "4", "5"]
    page.click("li:has([data-item='3']) .pick")
    assert chosen(page) == ["2", "4", "5"]
    first, third = (page.query_selector(f"[data-item='{item}']").bounding_box() for item in (0, 2))
    page.mouse.move(first["x"] + 10, first["y"] + 60)
    page.mouse.down()
    page.mouse.move(third["x"] + 20, third["y"] + 90, steps=4)
    page.mouse.up()
    assert chosen(page) == ["0", "1", "2"]
    assert "page=masks" in page.url
    page.keyboard.press("Escape")
    assert chosen(page) == []
    page.click("[data-item='4']")
    editor.wait_until(lambda: "page=image" in page.url)
    editor.ready()


def test_images_are_excluded_in_the_grid_and_on_their_page(editor: Visitor, edited_plan: Plan) -> None:
    page = editor.open("?layer=masks")
    page.keyboard.press("j")
    page.keyboard.press("e")
    editor.wait_until(lambda: tagged(page, "excluded") == ["0"])
    page.goto(editor.address + "?page=image&image=3")
    editor.ready()
    page.keyboard.press("e")
    editor.wait_until(lambda: tagged(page, "excluded") == ["3"])
    assert saved(edited_plan).images.excluded == ("00.png", "03.png")
    assert "2 images excluded" in page.inner_text("#edits")


def test_clusters_are_merged_named_and_split(editor: Visitor, edited_plan: Plan) -> None:
    page = editor.open("?page=clusters")
    for key in ("j", "x", "j", "j", "x", "m"):
        page.keyboard.press(key)
    editor.wait_until(lambda: editor.tiles() == ["0", "1"])
    assert "8 masks" not in page.inner_text("[data-item='1']")
    assert "7 masks" in page.inner_text("[data-item='0']")
    assert saved(edited_plan).clusters.merged == ((0, 2),)
    page.click("[data-item='1']")
    editor.wait_until(lambda: page.query_selector("input[name=cluster-name]") is not None)
    page.keyboard.press("r")
    page.keyboard.type("blue cup")
    page.keyboard.press("Enter")
    editor.wait_until(lambda: page.inner_text("h1") == "blue cup")
    page.fill("input[name=split-into]", "2")
    page.click("text=Split")
    editor.wait_until(lambda: len(saved(edited_plan).clusters.split) == 1)
    editor.open("?page=clusters")
    assert editor.tiles() == ["0", "1", "3"]
    assert "blue cup" in page.inner_text("[data-item='1']")
    page.keyboard.press("u")
    editor.wait_until(lambda: editor.tiles() == ["0", "1"])
    editor.open("?page=image&image=1")
    assert "blue cup" in page.inner_text("[data-layer=candidates]")


def test_what_cannot_be_done_is_told(editor: Visitor, edited_plan: Plan) -> None:
    page = editor.open("?page=cluster&cluster=0")
    page.fill("input[name=split-into]", "9")
    page.click("text=Split")
    editor.wait_until(lambda: "cluster 0 has only 4 masks" in page.inner_text("#edits"))
    assert not edited_plan.edits_file.exists()


def test_the_bar_holds_the_command_that_takes_edits_up(editor: Visitor) -> None:
    page = editor.open("?page=masks&sort=order")
    page.keyboard.press("j")
    page.keyboard.press("e")
    editor.wait_until(lambda: "Run again" in page.inner_text("#edits"))
    page.click("#edits summary")
    assert "maskdistill run -c" in page.inner_text("#edits code")


def test_a_phone_chooses_with_boxes_and_buttons(editor: Visitor) -> None:
    editor.page.set_viewport_size({"width": 390, "height": 844})
    for query in ("?page=masks&sort=order", "?page=clusters", "?page=cluster", "?page=image&image=1"):
        page = editor.open(query)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    page = editor.open("?page=masks&sort=order")
    for item in (0, 1):
        page.click(f"li:has([data-item='{item}']) .pick")
    page.click("#edits >> text=Exclude")
    editor.wait_until(lambda: tagged(page, "excluded") == ["0", "1"])
    page.click("text=Untagged")
    editor.wait_for_tiles(list(range(2, 11)))


def test_without_the_token_the_page_only_reads(editor: Visitor, visitor: Visitor) -> None:
    page = visitor.open("?page=masks&sort=order")
    page.keyboard.press("j")
    page.keyboard.press("e")
    assert not page.is_visible("#edits")
    assert page.query_selector(".pick") is None
    assert "#edit=" not in editor.page.url
