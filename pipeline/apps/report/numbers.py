"""How the figures of a report are written."""

from collections.abc import Mapping
from typing import Any

from maskdistill.pipeline.apps.report.blocks import EMPTY
from maskdistill.stages.evaluate.metrics import METRICS


def title_of(figure: str) -> str:
    """Name of a figure for people."""
    return METRICS[figure].title if figure in METRICS else figure.replace("_", " ")


def ordered(figures: set[str]) -> list[str]:
    """Names of figures, those that the evaluation knows first and in its order."""
    known = [name for name in METRICS if name in figures]
    return known + sorted(figures.difference(known))


def share(value: Any) -> str:
    """A share or score with three digits; a dash where there is none."""
    return f"{value:.3f}" if isinstance(value, int | float) else EMPTY


def count(value: float) -> str:
    """A number of things."""
    return f"{value:,.0f}"


def both_splits(scores: Mapping[str, Any], figure: str) -> str:
    """A figure on training / validation images, as "0.471 / 0.504"; a dash where there is none."""
    splits = [scores[split] for split in ("train", "val") if isinstance(scores.get(split), dict)]
    values = [figures.get(figure) for figures in splits]
    return EMPTY if all(value is None for value in values) else " / ".join(map(share, values))
