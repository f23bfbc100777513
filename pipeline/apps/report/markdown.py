"""A report, or one of its sections, as Markdown. Charts and pictures are left to the page."""

from maskdistill.pipeline.apps.report.blocks import Cards, Charts, Note, Report, Section
from maskdistill.pipeline.apps.tables.markdown import escape, one_line, table_to_markdown
from maskdistill.pipeline.apps.tables.table import Table


def render_markdown(report: Report) -> str:
    """The whole report."""
    tiles = [f"- {escape(tile.label)}: {escape(f'{tile.value} {tile.detail}')}" for tile in report.tiles]
    parts = [f"# {escape(report.title)}", escape(report.subtitle), "\n".join(tiles)]
    for section in report.sections:
        parts.append(section_to_markdown(section))
    return "\n\n".join(part for part in parts if part) + "\n"


def section_to_markdown(section: Section) -> str:
    """One section with its title."""
    parts = [f"## {escape(section.title)}", escape(section.lead)]
    for block in section.blocks:
        if isinstance(block, Table):
            parts.append(table_to_markdown(block))
        elif isinstance(block, Note):
            parts.append(escape(block.text) + (f"\n\n    {one_line(block.command)}" if block.command else ""))
        elif isinstance(block, Charts):
            parts += [f"*{escape(chart.title)}*: {escape(chart.summary)}" for chart in block.charts]
        elif isinstance(block, Cards) and block.title:
            parts.append(f"*{escape(block.title)}*: see the page.")
    return "\n\n".join(part for part in parts if part)
