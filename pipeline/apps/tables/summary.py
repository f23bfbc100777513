"""Prints statistics of what a stage made: counts, a table of quantiles, and bars as wide as the terminal."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.bar import Bar
from rich.console import Console, Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from maskdistill.data.arrays import IGNORE
from maskdistill.data.naming import NO_NAMES, ClusterNames, label_name
from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.apps.inspect.histogram import Histogram
from maskdistill.pipeline.apps.inspect.statistics import QUANTILES, Statistics

_TWO_COLUMNS = 100
"""Width in characters from which charts stand side by side."""
_MOST_BARS = 24
_BAR_COLOUR = "cyan"

Row = tuple[str, float, str, str]
"""What a bar stands for, its length, the number beside it, and its colour."""


def print_summary(title: str, statistics: Statistics, console: Console, names: ClusterNames = NO_NAMES) -> None:
    """Print what `summarise` gives, under a title; `names` are those that people gave clusters."""
    counts = [(name, value) for name, value in statistics.items() if isinstance(value, int)]
    text = "  ".join(f"[bold]{value:,}[/bold] {_name(name)}" for name, value in counts)
    console.print(f"[bold]{title}[/bold]  {text}", highlight=False)
    quantiles = {name: value for name, value in statistics.items() if isinstance(value, dict) and "median" in value}
    if quantiles:
        console.print(_quantile_table(quantiles))
    console.print(_side_by_side(list(_charts(statistics, names)), console.width))


def _charts(statistics: Statistics, names: ClusterNames) -> Iterable[RenderableType]:
    for name, histogram in statistics.get("histograms", {}).items():
        # Where all values are the same, the table of quantiles has said it.
        if statistics[name] and statistics[name]["min"] < statistics[name]["max"]:
            yield _chart(name, _histogram_rows(histogram))
    if sizes := statistics.get("cluster_sizes"):
        yield _chart("cluster_sizes", [_cluster_row(cluster, size, names) for cluster, size in _largest_first(sizes)])
    if shares := statistics.get("pixel_share"):
        called = {value: label_name(value, names) for value in shares}
        rows = [(called[value], share, f"{share:.1%}", _label_colour(value)) for value, share in shares.items()]
        yield _chart("pixel_share", rows)
        images = statistics["images_with"]
        yield _chart("images_with", [(called[v], n, f"{n:,}", _label_colour(v)) for v, n in images.items()])


def _quantile_table(quantiles: dict[str, dict[str, float]]) -> Table:
    columns = [Column(name, justify="right") for name in QUANTILES]
    table = Table("", *columns, box=None, header_style="dim", pad_edge=False)
    for name, values in quantiles.items():
        table.add_row(_name(name), *(f"{values[column]:.3g}" for column in QUANTILES))
    return table


def _histogram_rows(histogram: Histogram) -> list[Row]:
    total = max(1, sum(histogram.counts))
    return [
        (label, count, f"{count:,} {count / total:>4.0%}", _BAR_COLOUR)
        for label, count in zip(histogram.labels(), histogram.counts, strict=True)
    ]


def _cluster_row(cluster: int, size: int, names: ClusterNames) -> Row:
    return (names.get(cluster, str(cluster)), size, f"{size:,}", _rgb(cluster))


def _chart(name: str, rows: Sequence[Row]) -> RenderableType:
    grid = Table.grid(Column(justify="right", no_wrap=True), Column(ratio=1), Column(justify="right", no_wrap=True),
                      padding=(0, 1), expand=True)  # fmt: skip
    longest = max((length for _, length, _, _ in rows), default=0) or 1
    for label, length, number, colour in rows[:_MOST_BARS]:
        grid.add_row(Text(label, style="dim"), Bar(longest, 0, length, color=colour), number)
    hidden = rows[_MOST_BARS:]
    if hidden:
        grid.add_row("", Text(f"and {len(hidden)} more, from {hidden[-1][2]} to {hidden[0][2]}", style="dim"), "")
    return Group(Text(f"\n{_name(name)}", style="bold"), grid)


def _side_by_side(charts: list[RenderableType], width: int) -> RenderableType:
    if width < _TWO_COLUMNS:
        return Group(*charts)
    grid = Table.grid(Column(ratio=1), Column(ratio=1), padding=(0, 3), expand=True)
    for i in range(0, len(charts), 2):
        grid.add_row(*charts[i : i + 2])
    return grid


def _largest_first(sizes: dict[int, int]) -> list[tuple[int, int]]:
    return sorted(sizes.items(), key=lambda item: -item[1])


def _label_colour(value: int) -> str:
    return "bright_black" if value in (0, IGNORE) else _rgb(value - 1)


def _rgb(cluster: int) -> str:
    return "rgb({},{},{})".format(*cluster_colour(cluster))


def _name(statistic: Any) -> str:
    return str(statistic).replace("_", " ")
