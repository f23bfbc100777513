"""What became of the faults: the table of the fault suite."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

OUTCOMES = ("survived", "refused", "lost", "wrong")


@dataclass
class FaultTally:
    """Counts by kind of fault and outcome, and a line for each fault that was not borne.

    `survived`: the work went on as if nothing had been, at once or in the next run. `refused`: it stopped with a
    message; the next run, or `verify --repair` and the next run, came to the right end. `lost`: that did not help, or
    there was a traceback. `wrong`: it came to another end without a word.
    """

    counts: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: dict.fromkeys(OUTCOMES, 0)))
    unborne: list[str] = field(default_factory=list)

    def add(self, kind: str, outcome: str, what: str) -> None:
        """Count a fault."""
        self.counts[kind][outcome] += 1
        if outcome in ("lost", "wrong"):
            self.unborne.append(f"{kind}: {outcome}: {what}")

    def merge(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Add what another process has counted."""
        for kind, row in counts.items():
            for outcome, n in row.items():
                self.counts[kind][outcome] += n

    def table(self) -> list[str]:
        """The lines of a Markdown table."""
        lines = ["| fault | injected | survived | refused with a message | lost | silently wrong |"]
        lines.append("|---|---|---|---|---|---|")
        rows = {**self.counts, "**all**": {name: sum(row[name] for row in self.counts.values()) for name in OUTCOMES}}
        for kind, row in rows.items():
            lines.append(f"| {kind} | {sum(row.values())} | {' | '.join(str(row[name]) for name in OUTCOMES)} |")
        return lines
