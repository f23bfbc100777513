"""Prints what is cached and what is not."""

from typing import Any

from rich.console import Console
from rich.table import Column, Table

from maskdistill.pipeline.formatting import format_age, format_bytes


def print_status(rows: list[dict[str, Any]], console: Console) -> None:
    """Print the rows of `collect_status` as a table."""
    table = Table("stage", Column("key", no_wrap=True), "state")
    for name in ("items", "size", "age"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("computed in", no_wrap=True)
    for row in rows:
        state = row["state"] if row["why"] is None else f"{row['state']}: {row['why']}"
        table.add_row(row["stage"], row["key"], state, *_made(row))
    console.print(table)


def _made(row: dict[str, Any]) -> tuple[str, str, str, str]:
    """Items, size, age and arithmetic of a finished stage."""
    if row["state"] != "cached":
        return "", "", "", ""
    computed = f"{row['precision']}, {row['device']}" if row["precision"] else ""
    return f"{row['items']} {row['unit']}", format_bytes(row["bytes"]), format_age(row["made"]), computed
