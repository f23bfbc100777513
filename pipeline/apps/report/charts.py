"""The plots of a report."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskdistill.pipeline.apps.drawing.svg import Drawing, Plot, extent, series_colour
from maskdistill.pipeline.apps.inspect.histogram import Histogram
from maskdistill.pipeline.apps.report.blocks import Chart

_MOST_POINTS = 240
_CELL_LARGE, _CELL_SMALL, _FEW = 46, 10, 16
_MATRIX_WIDTH = 860


def loss_chart(title: str, iterations: ArrayLike, losses: Mapping[str, ArrayLike], *, raw: bool) -> Chart:
    """Losses over the iterations, smoothed, and where `raw` also as they were."""
    x = np.asarray(iterations, dtype=float)
    values = {name: np.asarray(loss, dtype=float) for name, loss in losses.items()}
    smoothed = {name: smooth(loss) for name, loss in values.items()}
    ends = ", ".join(f"{name} {loss[0]:.3g} to {loss[-1]:.3g}" for name, loss in smoothed.items())
    summary = f"{len(x)} iterations, smoothed: {ends}"
    top = max(float(loss.max()) for loss in smoothed.values()) * 1.1
    bottom = min(0.0, *(float(loss.min()) for loss in smoothed.values()))
    plot = Plot(extent(x.tolist()), (bottom, top), ("iteration", "loss"), f"{title}: {summary}")
    shown = np.unique(np.linspace(0, len(x) - 1, _MOST_POINTS).round().astype(int))
    for index, (name, loss) in enumerate(smoothed.items()):
        if raw:
            plot.line(x[shown], values[name][shown], f"raw stroke-{1 + index % 6}")
        plot.line(x[shown], loss[shown], f"series stroke-{1 + index % 6}")
    legend = tuple((series_colour(index), name) for index, name in enumerate(smoothed)) if len(smoothed) > 1 else ()
    return Chart(title, plot.markup(), summary, legend)


def curves_chart(
    title: str, x_label: str, x: Sequence[float], curves: Mapping[str, Sequence[float]], chosen: float
) -> Chart:
    """Values over numbers to choose among, with the chosen one marked."""
    at = list(x).index(chosen)
    summary = f"{x_label} {x[0]:g} to {x[-1]:g}; at {chosen:g} "
    summary += ", ".join(f"{name} {values[at]:.3g}" for name, values in curves.items())
    low, high = extent([0.0, *(value for values in curves.values() for value in values)])
    plot = Plot(extent(x), (low, high * 1.08), (x_label, ""), f"{title}: {summary}")
    for index, values in enumerate(curves.values()):
        plot.line(x, values, f"series stroke-{1 + index % 6}")
    plot.mark_x(chosen, f"{chosen:g}")
    legend = tuple((series_colour(index), name) for index, name in enumerate(curves)) if len(curves) > 1 else ()
    return Chart(title, plot.markup(), summary, legend)


def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Moving average over a twenty-fifth of the values; at the ends over those that are there."""
    window = np.ones(max(1, len(values) // 25))
    return np.convolve(values, window, "same") / np.convolve(np.ones(len(values)), window, "same")


def score_histogram(scores: ArrayLike, threshold: float | None) -> Chart:
    """How many candidates have which score, and where the threshold cuts."""
    values = np.asarray(scores, dtype=float)
    histogram = Histogram.of(values, bins=20)
    summary = f"{len(values):,} candidates"
    if threshold is not None:
        summary += f", {int((values >= threshold).sum()):,} of them at or above {threshold:g}"
    plot = Plot((0, 1), (0, max(1, *histogram.counts) * 1.08), ("score", "candidates"), summary)
    for low, high, count in zip(histogram.edges, histogram.edges[1:], histogram.counts, strict=False):
        plot.bar(low, high, count)
    if threshold is not None:
        plot.mark_x(threshold, f"threshold {threshold:g}")
    return Chart("Scores of the candidates", plot.markup(), summary)


def reliability_chart(bins: Sequence[Mapping[str, Any]], threshold: float | None) -> Chart:
    """Fraction of right candidates by score; on the diagonal a score means what it says."""
    pairs = "; ".join(f"{one['low']:.1f}-{one['high']:.1f}: {one['precision']:.2f}" for one in bins)
    summary = f"share right by score: {pairs}"
    plot = Plot((0, 1), (0, 1), ("score", "share with IoU ≥ 0.5"), summary)
    for one in bins:
        plot.bar(one["low"], one["high"], one["precision"])
    plot.line([0, 1], [0, 1], "diagonal")
    if threshold is not None:
        plot.mark_x(threshold, f"threshold {threshold:g}")
    return Chart("Reliability of the score", plot.markup(), summary)


def heat_map(title: str, shares: NDArray[np.float64], rows: Sequence[str], columns: Sequence[str]) -> Chart:
    """A matrix of shares 0-1 as coloured squares; with their values where there are few.

    Args:
        title: What it shows.
        shares: float (len(rows), len(columns)).
        rows: Name of each row.
        columns: Name of each column; those of the rows are among them.
    """
    few = len(columns) <= _FEW
    cell = _CELL_LARGE if few else max(_CELL_SMALL, _MATRIX_WIDTH // len(columns))
    font = min(13, cell - 1)
    margin = 16 + round(font * 0.62 * max(len(name) for name in (*rows, *columns)))
    right = [shares[i, columns.index(name)] for i, name in enumerate(rows)]
    summary = f"{len(rows)} true classes; on average {float(np.mean(right)):.2f} of the pixels of a class are right"
    drawing = Drawing(margin + cell * len(columns) + 8, margin + cell * len(rows) + 8, f"{title}: {summary}")
    style = f"font-size:{font}px"
    for j, name in enumerate(columns):
        x = margin + (j + 0.5) * cell + font * 0.35
        turn = f"rotate(-90 {x:g} {margin - 8})"
        drawing.add("text", name, css="name", x=x, y=margin - 8, transform=turn, style=style)
    for i, name in enumerate(rows):
        y = margin + i * cell
        middle = y + cell / 2 + font * 0.35
        drawing.add("text", name, css="name", x=margin - 8, y=middle, text_anchor="end", style=style)
        for j in range(len(columns)):
            _square(drawing, margin + j * cell, y, cell, float(shares[i, j]), few)
    return Chart(title, drawing.markup(), summary)


def _square(drawing: Drawing, x: float, y: float, cell: float, share: float, with_text: bool) -> None:
    x, y, side = x + 0.5, y + 0.5, cell - 1
    drawing.add("rect", css="heat-back", x=x, y=y, width=side, height=side)
    if share >= 0.005:
        drawing.add("rect", css="heat", fill_opacity=share, x=x, y=y, width=side, height=side)
        if with_text:
            css = "value strong" if share > 0.5 else "value"
            text = f"{share:.2f}".removeprefix("0")
            drawing.add("text", text, css=css, x=x + side / 2, y=y + side / 2 + 4, text_anchor="middle")
