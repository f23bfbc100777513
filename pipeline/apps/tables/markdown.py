"""Tables as Markdown."""

import html
import re

from maskdistill.pipeline.apps.tables.table import Table


def table_to_markdown(table: Table) -> str:
    """One table, with its caption above and its note below."""
    rule = ["---:" if table.is_number(column) else "---" for column in range(len(table.columns))]
    rows = [[escape(str(cell)) for cell in row] for row in (table.columns, *table.rows)]
    rows.insert(1, rule)
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    caption = f"**{escape(table.caption)}**" if table.caption else ""
    return "\n\n".join(part for part in (caption, lines, escape(table.note)) if part)


def escape(text: str) -> str:
    """Text that Markdown shows as it is, in one line: names of images and classes may hold anything."""
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", html.escape(one_line(text), quote=False))


def one_line(text: str) -> str:
    """The text with every run of spaces and line breaks as one space."""
    return " ".join(text.split())
