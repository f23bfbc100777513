"""A report, or one of its tables, as Markdown. Charts and pictures are left to the page."""

import html
import re

from maskdistill.pipeline.apps.report.blocks import Cards, Charts, Note, Report, Section, Table


def render_markdown(report: Report) -> str:
    """The whole report."""
    tiles = [f"- {_text(tile.label)}: {_text(f'{tile.value} {tile.detail}')}" for tile in report.tiles]
    parts = [f"# {_text(report.title)}", _text(report.subtitle), "\n".join(tiles)]
    for section in report.sections:
        parts.append(section_to_markdown(section))
    return "\n\n".join(part for part in parts if part) + "\n"


def table_to_markdown(table: Table) -> str:
    """One table, with its caption above and its note below."""
    rule = ["---:" if table.is_number(column) else "---" for column in range(len(table.columns))]
    rows = [[_text(str(cell)) for cell in row] for row in (table.columns, *table.rows)]
    rows.insert(1, rule)
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    caption = f"**{_text(table.caption)}**" if table.caption else ""
    return "\n\n".join(part for part in (caption, lines, _text(table.note)) if part)


def section_to_markdown(section: Section) -> str:
    """One section with its title."""
    parts = [f"## {_text(section.title)}", _text(section.lead)]
    for block in section.blocks:
        if isinstance(block, Table):
            parts.append(table_to_markdown(block))
        elif isinstance(block, Note):
            parts.append(_text(block.text) + (f"\n\n    {_line(block.command)}" if block.command else ""))
        elif isinstance(block, Charts):
            parts += [f"*{_text(chart.title)}*: {_text(chart.summary)}" for chart in block.charts]
        elif isinstance(block, Cards) and block.title:
            parts.append(f"*{_text(block.title)}*: see the page.")
    return "\n\n".join(part for part in parts if part)


def _text(text: str) -> str:
    """Text that Markdown shows as it is: names of images and classes may hold anything."""
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", html.escape(_line(text), quote=False))


def _line(text: str) -> str:
    return " ".join(text.split())
