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
    def file_name(self) -> str:
        """Which file of a checkout it belongs into, as its first line says: "# data/sources/npy.py"."""
        match = re.match(r"# ([\w/]+\.py)\n", self.code)
        assert match, f"the first line of a block names its file:\n{self.code}"
        return match.group(1)

    @property
    def lines(self) -> list[str]:
        """The lines that belong into the file."""
        return self.code.splitlines(keepends=True)[1:]


def apply(block: Block, checkout: Path) -> None:
    """Write a block of Python as a file, or change a file as a block of diff says."""
    path = checkout / block.file_name
    if block.language == "python":
        path.write_text("".join(block.lines))
        return
    old, new = ("".join(line[1:] for line in block.lines if line[0] in kinds) for kinds in (" -", " +"))
    text = path.read_text()
    assert text.count(old) == 1, f"{block.file_name} does not have these lines once:\n{old}"
    path.write_text(text.replace(old, new))


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
