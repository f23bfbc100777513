"""Tables in plain data, for a page, for Markdown and for the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

EMPTY = "–"
"""What stands in a cell that has no value."""


@dataclass(frozen=True)
class Cell:
    """A cell that is more than its text.

    Attributes:
        text: What stands in it.
        bar: Length of a bar behind the text, 0-1; None = no bar.
        strong: Whether it stands out.
        swatch: CSS colour of a square before the text; None = none.
    """

    text: str
    bar: float | None = None
    strong: bool = False
    swatch: str | None = None

    def __str__(self) -> str:
        return self.text


Row = Sequence[str | Cell]


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row is its header.

    Attributes:
        caption: What it shows, one line.
        columns: Header of each column.
        rows: One text or Cell per column each.
        note: A line below the table.
        folded: Whether it is closed until asked for.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Row]
    note: str = ""
    folded: bool = False

    def is_number(self, column: int) -> bool:
        """Whether a column holds numbers, which stand right-aligned."""
        texts = [str(row[column]) for row in self.rows]
        return column > 0 and all(text == EMPTY or text.lstrip("+-")[:1].isdigit() for text in texts if text)
