"""Prints the figures of a view."""

from typing import Any

from rich.console import Console
from rich.table import Table


def print_summary(title: str, figures: dict[str, Any], console: Console) -> None:
    """One row per figure; the figures of a group stand side by side."""
    table = Table("figure", "value", title=title, title_justify="left", show_header=False)
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), _format(value))
    console.print(table)


def _format(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"[dim]{name}[/dim] {_format(item)}" for name, item in value.items()) or "-"
    return f"{value:.3g}" if isinstance(value, float) else f"{value:,}"
