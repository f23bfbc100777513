"""The table at the end of a run: what each stage made, how long it took, and how good it is where that is known."""

from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.artifacts import Manifest
from pipeline.formatting import format_seconds

_SCORES = {"foreground_iou": "foreground IoU", "miou": "mIoU", "miou_majority": "majority mIoU", "corloc": "CorLoc"}


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

    def as_row(self) -> dict[str, Any]:
        """The row with plain values, for JSON and for Prefect's table."""
        row = asdict(self)
        row["scores"] = self.score_text()
        return row

    def score_text(self) -> str:
        """The scores in one line per split."""
        if "status" in self.scores:
            return str(self.scores["status"])
        lines = []
        for split in ("train", "val"):
            figures = self.scores.get(split, {})
            parts = [f"{label} {figures[name]:.3f}" for name, label in _SCORES.items() if name in figures]
            if parts:
                lines.append(f"{split}: {', '.join(parts)}")
        return "\n".join(lines)


def print_results(results: list[StageResult], console: Console, note: str) -> None:
    """Print the table of the stages, with a note below it."""
    table = Table("stage")
    table.add_column("made", justify="right")
    table.add_column("time", justify="right")
    for name in ("", "key", "scores"):
        table.add_column(name)
    for result in results:
        made = f"{result.items} {result.unit}"
        if result.failures:
            made += f"\n{result.failures} images skipped"
        state = "cached" if result.cached else "new"
        table.add_row(result.stage, made, format_seconds(result.seconds), state, result.key, result.score_text())
    console.print(table)
    console.print(note, soft_wrap=True, highlight=False)
