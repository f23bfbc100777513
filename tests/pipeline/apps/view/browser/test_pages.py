"""What each page shows and does, driven in headless Chromium."""

import pytest

from helpers.visitor import Visitor, shown

pytestmark = pytest.mark.browser


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

    def counts() -> list[str]:
        return [page.inner_text(f"[data-count={name}] strong") for name in ("kept", "lost", "unsure")]

    assert counts() == ["26", "10", "0"]
    slider = page.query_selector("#threshold")
    slider.focus()
    slider.press("ArrowRight")
    visitor.wait_until(lambda: counts() == ["25", "11", "0"])
    assert "threshold=0.505" in page.url
    slider.press("End")
    visitor.wait_until(lambda: counts() == ["12", "24", "12"])
    assert "1 kept 2 lost" in page.inner_text("[data-item='0']")
    visitor.wait_until(lambda: shown(page, "[data-item='0'] img.overlay[src*='threshold=1']"))
    page.click("text=As configured: 0.5")
    visitor.wait_until(lambda: counts() == ["26", "10", "0"])


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
