"""Tables on the terminal."""

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from maskdistill.pipeline.apps.tables.table import Cell, Table


def print_table(table: Table, console: Console) -> None:
    """Print a table with its note."""
    shown = RichTable(*table.columns)
    for row in table.rows:
        shown.add_row(*map(_text, row))
    console.print(shown)
    console.print(table.note, highlight=False)


def _text(cell: str | Cell) -> Text:
    return Text(str(cell), style="bold" if isinstance(cell, Cell) and cell.strong else "")
