"""The table at the end of a run: what each stage made, how long it took, and how good it is where that is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Column, Table

from maskdistill.pipeline.artifacts import Manifest
from maskdistill.pipeline.formatting import format_seconds
from maskdistill.stages.evaluate.metrics import METRICS

_SCORES = ("purity", "foreground_iou", "corloc", "ap50_agnostic", "miou", "miou_majority")
_MOST_SCORES = 5
"""More columns do not fit 120 characters; `maskdistill evaluate` shows every metric."""
_SPLITS = ("train", "val")


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
            cls(name, "", one["items"], "masks", one["seconds"], cached=True, scores=one["scores"])
            for name, one in results.items()
        ]

    @property
    def state(self) -> str:
        """How it comes to be in the table: "new", "cached" or "baseline"."""
        return ("cached" if self.cached else "new") if self.key else "baseline"

    def score(self, name: str) -> str:
        """A metric on the splits that have ground truth: "0.471/0.504" for training and validation images."""
        metrics = [self.scores.get(split, {}).get(name) for split in _SPLITS if split in self.scores]
        if all(metric is None for metric in metrics):
            return ""
        return "/".join("-" if metric is None else f"{metric:.3f}" for metric in metrics)


def score_names(results: Sequence[StageResult]) -> list[str]:
    """The metrics of the table that some stage has."""
    return [name for name in _SCORES if any(result.score(name) for result in results)][-_MOST_SCORES:]


def result_rows(results: Sequence[StageResult]) -> list[dict[str, str]]:
    """The table as plain text by column."""
    names = score_names(results)
    return [
        {
            "stage": result.stage,
            "made": f"{result.items} {result.unit}" + (f", {result.failures} skipped" if result.failures else ""),
            "time": format_seconds(result.seconds),
            "state": result.state,
            **{METRICS[name].title: result.score(name) for name in names},
            "key": result.key,
        }
        for result in results
    ]


def print_results(results: Sequence[StageResult], console: Console, note: str) -> None:
    """Print the table of the stages, with a note below it."""
    rows = result_rows(results)
    # Where it is tight, the headings of the metrics are to wrap before anything else does.
    columns = [Column(name, no_wrap=name in ("stage", "made", "time")) for name in rows[0] if name != "key"]
    table = Table(*columns, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for row in rows:
        table.add_row(*(value for name, value in row.items() if name != "key"))
    console.print(table)
    console.print("\n".join([_describe_scores(results), note]), soft_wrap=True, highlight=False)


def _describe_scores(results: Sequence[StageResult]) -> str:
    splits = [split for split in _SPLITS if any(split in result.scores for result in results)]
    images = {"train": "training", "val": "validation"}
    return f"scores on {'/'.join(images[split] for split in splits)} images" if splits else "no ground truth"
