"""The table at the end of a run: what each stage made, how long it took, and how good it is where that is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.artifacts import Manifest
from pipeline.formatting import format_seconds

_SCORES = {"foreground_iou": "foreground IoU", "corloc": "CorLoc", "miou": "mIoU", "miou_majority": "majority mIoU"}
_SPLITS = ("train", "val")


@dataclass(frozen=True)
class StageResult:
    """One row of the table.

    Attributes:
        stage: Name of the stage.
        key: Key of its artifact.
        items: How many things it made, and `unit` what they are.
        seconds: How long it took when it was made.
        cached: Whether this run found it made.
        scores: Figures by split, or {"status": "no ground truth"}.
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

    def score(self, name: str) -> str:
        """A figure on the splits that have ground truth: "0.471 / 0.504" for training and validation images."""
        figures = [self.scores.get(split, {}).get(name) for split in _SPLITS if split in self.scores]
        if all(figure is None for figure in figures):
            return ""
        return " / ".join("-" if figure is None else f"{figure:.3f}" for figure in figures)


def score_names(results: Sequence[StageResult]) -> list[str]:
    """The figures that some stage has."""
    return [name for name in _SCORES if any(result.score(name) for result in results)]


def result_rows(results: Sequence[StageResult]) -> list[dict[str, str]]:
    """The table as plain text by column."""
    names = score_names(results)
    return [
        {
            "stage": result.stage,
            "made": f"{result.items} {result.unit}" + (f", {result.failures} skipped" if result.failures else ""),
            "time": format_seconds(result.seconds),
            "state": "cached" if result.cached else "new",
            **{_SCORES[name]: result.score(name) for name in names},
            "key": result.key,
        }
        for result in results
    ]


def print_results(results: Sequence[StageResult], console: Console, note: str) -> None:
    """Print the table of the stages, with a note below it."""
    rows = result_rows(results)
    table = Table(*(name for name in rows[0] if name != "key"))
    for row in rows:
        table.add_row(*(value for name, value in row.items() if name != "key"))
    console.print(table)
    console.print("\n".join([_describe_scores(results), note]), soft_wrap=True, highlight=False)


def _describe_scores(results: Sequence[StageResult]) -> str:
    splits = [split for split in _SPLITS if any(split in result.scores for result in results)]
    images = {"train": "training", "val": "validation"}
    return f"scores on {' / '.join(images[split] for split in splits)} images" if splits else "no ground truth"
