"""Prints which runs there are."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Column, Table


def print_runs(rows: Sequence[Mapping[str, str]], console: Console) -> None:
    """Print the rows of `describe_runs` as a table."""
    if not rows:
        console.print("no run was started here yet; start one with: maskdistill run FOLDER", highlight=False)
        return
    table = Table(*(Column(name, no_wrap=name == "run") for name in rows[0]), box=box.SIMPLE_HEAD, show_edge=False)
    for row in rows:
        table.add_row(*row.values())
    console.print(table)
