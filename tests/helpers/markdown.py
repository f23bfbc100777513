"""Reading the project's Markdown: its code blocks, the commands in them, and its links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        section: The heading that it stands under, of the second level.
        language: What the fence says, such as "python".
        code: Its lines.
    """

    section: str
    language: str
    code: str

    @property
    def file_name(self) -> str | None:
        """What a first line such as "# miner.py" calls it."""
        match = re.match(r"# ([\w/]+\.py)\n", self.code)
        return match.group(1) if match else None


def blocks(path: Path) -> Iterator[Block]:
    """The fenced blocks of a file, in order."""
    text = path.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        headings = re.findall(r"^## (.+)$", text[: match.start()], re.MULTILINE)
        yield Block(headings[-1] if headings else "", match.group(1), match.group(2))


def commands(path: Path) -> Iterator[str]:
    """Every command `maskdistill ...` of a file's blocks, fenced or indented, comments behind it left out."""
    text = re.sub(r"\\\n#?\s*", "", path.read_text(encoding="utf-8"))
    for line in text.splitlines():
        match = re.match(r"(?:    )?(?:#\s+)?(maskdistill [a-z].*)$", line)
        if match:
            yield re.split(r"\s+#|\s{3,}", match.group(1))[0]


def links(path: Path) -> Iterator[str]:
    """What a file links to or shows, other than addresses of the web."""
    for target in _LINK.findall(path.read_text(encoding="utf-8")):
        if "://" not in target:
            yield target
