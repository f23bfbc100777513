"""Hook of mkdocs: links to files that are no part of the site become plain text."""

import re
from typing import Any

_OUTSIDE = re.compile(r"(?<!!)\[([^\]]+)\]\((?:\.\./|[^)#]*\.ipynb)[^)]*\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The text of a page as the site shows it."""
    return _OUTSIDE.sub(r"\1", markdown)
