"""What holds of every page that the project writes."""

import re
from html.parser import HTMLParser


class Tags(HTMLParser):
    """Collects the tags of a page with their attributes, and checks that they are closed in order."""

    VOID = ("meta", "img", "link", "br")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def count(self, tag: str) -> int:
        return len([name for name, _ in self.tags if name == tag])


def check_page(page: str) -> Tags:
    """A page is whole, alone, readable without eyes, and free of nan."""
    parsed = Tags(page)
    assert parsed.open == []
    assert not {"script", "link", "iframe"}.intersection(tag for tag, _ in parsed.tags)
    for tag, attributes in parsed.tags:
        for name in ("src", "href"):
            if name in attributes:
                assert str(attributes[name]).startswith(("data:image/", "#")), (tag, attributes)
        if tag == "img":
            assert attributes["alt"]
        if tag == "svg":
            assert attributes["role"] == "img"
            assert attributes["aria-label"]
        if tag == "th":
            assert attributes["scope"] in ("col", "row")
    assert "http://" not in page
    assert "https://" not in page
    assert "url(" not in page
    text = re.sub(r"data:image/[^\"]*", "", page)
    assert not re.search(r"\bnan\b|\binf\b", text, re.IGNORECASE)
    return parsed
