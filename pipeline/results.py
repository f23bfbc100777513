"""What is known at the end of a run: what each stage made, how long it took, and how good it is where that is known."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from maskdistill.pipeline.formatting import format_seconds
from maskdistill.pipeline.manifest import Manifest
from maskdistill.pipeline.plan import Plan
from maskdistill.stages.evaluate.metrics import METRICS

_SCORES = ("purity", "foreground_iou", "corloc", "ap50_agnostic", "miou", "miou_majority")
_CRF = "_crf"
"""What metrics of the predictions after the CRF end in."""
_MOST_SCORES = 5
"""More columns do not fit 120 characters; `maskdistill evaluate` shows every metric."""
SPLITS = {"train": "training", "val": "validation"}
"""What the images of each split are called."""


@dataclass(frozen=True)
class StageResult:
    """One row of the table: a stage, or a baseline of one.

    Attributes:
        stage: Name of the stage or baseline.
        key: Key of its artifact; empty for a baseline.
        items: How many things it made, and `unit` what they are.
        seconds: How long it took when it was made.
        cached: Whether this run found it made.
        scores: Metrics by split, or {"status": "no ground truth"}.
        failures: Number of images that were skipped.
    """

    stage: str
    key: str
    items: int
    unit: str
    seconds: float
    cached: bool
    scores: dict[str, Any] = field(default_factory=dict)
    failures: int = 0

    @classmethod
    def of(cls, manifest: Manifest, scores: dict[str, Any], *, cached: bool) -> "StageResult":
        """The row of a finished artifact."""
        return cls(
            stage=manifest.stage,
            key=manifest.key,
            items=manifest.items,
            unit=manifest.unit,
            seconds=manifest.seconds,
            cached=cached,
            scores=scores,
            failures=len(manifest.failures),
        )

    @classmethod
    def of_baselines(cls, results: Mapping[str, Mapping[str, Any]]) -> "list[StageResult]":
        """The rows of what `evaluate_baselines` gave."""
        return [
            cls(name, "", one["items"], one["unit"], one["seconds"], cached=True, scores=one["scores"])
            for name, one in results.items()
        ]

    @property
    def state(self) -> str:
        """How it comes to be in the table: "new", "cached" or "baseline"."""
        return ("cached" if self.cached else "new") if self.key else "baseline"

    @property
    def with_crf(self) -> "list[StageResult]":
        """A row for its predictions after the CRF, where there are some."""
        scores = {
            split: {name.removesuffix(_CRF): value for name, value in found.items() if name.endswith(_CRF)}
            for split, found in self.scores.items()
            if isinstance(found, Mapping)
        }
        return [replace(self, stage=f"{self.stage} + CRF", scores=scores)] if any(scores.values()) else []

    def score(self, name: str) -> str:
        """A metric on the splits that have ground truth: "0.471/0.504" for training and validation images."""
        values = [self.scores[split].get(name) for split in SPLITS if split in self.scores]
        if all(value is None for value in values):
            return ""
        return "/".join("-" if value is None else f"{value:.3f}" for value in values)


def final_miou(metrics: Mapping[str, Any]) -> float | None:
    """The mIoU of the predictions of a final model, after the CRF where there is one; None where it is not known."""
    found: float | None = metrics.get(f"miou{_CRF}", metrics.get("miou"))
    return found


def score_names(results: Sequence[StageResult]) -> list[str]:
    """The metrics of the table that some stage has."""
    return [name for name in _SCORES if any(result.score(name) for result in results)][-_MOST_SCORES:]


def result_rows(results: Sequence[StageResult]) -> list[dict[str, str]]:
    """The table as plain text by column; predictions after the CRF have a row of their own."""
    names = score_names(results)
    rows = []
    for result in results:
        rows.append(_row(result, names))
        rows += [{**_row(refined, names), "made": "", "time": "", "state": ""} for refined in result.with_crf]
    return rows


def _row(result: StageResult, names: Sequence[str]) -> dict[str, str]:
    return {
        "stage": result.stage,
        "made": f"{result.items} {result.unit}" + (f", {result.failures} skipped" if result.failures else ""),
        "time": format_seconds(result.seconds),
        "state": result.state,
        **{METRICS[name].title: result.score(name) for name in names},
        "key": result.key,
    }


@dataclass(frozen=True)
class Page:
    """A page on a finished run, for Prefect: its name, of lower-case letters and hyphens, title, and Markdown."""

    name: str
    title: str
    markdown: str


Overview = Callable[[Plan], Iterable[Page]]
"""Writes the pages on a finished run."""
