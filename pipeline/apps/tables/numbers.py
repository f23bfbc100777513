"""How numbers are written in tables."""

from collections.abc import Mapping
from typing import Any

from maskdistill.pipeline.apps.tables.table import EMPTY
from maskdistill.stages.evaluate.metrics import METRICS


def title_of(metric: str) -> str:
    """Name of a metric for people."""
    return METRICS[metric].title if metric in METRICS else metric.replace("_", " ")


def ordered(metrics: set[str]) -> list[str]:
    """Names of metrics, those that the evaluation knows first and in its order."""
    known = [name for name in METRICS if name in metrics]
    return known + sorted(metrics.difference(known))


def share(value: Any) -> str:
    """A share or score with three digits; a dash where there is none."""
    return f"{value:.3f}" if isinstance(value, int | float) else EMPTY


def count(value: float) -> str:
    """A number of things."""
    return f"{value:,.0f}"


def both_splits(scores: Mapping[str, Any], metric: str) -> str:
    """A metric on training / validation images, as "0.471 / 0.504"; a dash where there is none."""
    splits = [scores[split] for split in ("train", "val") if isinstance(scores.get(split), dict)]
    values = [metrics.get(metric) for metrics in splits]
    return EMPTY if all(value is None for value in values) else " / ".join(map(share, values))
