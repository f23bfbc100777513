"""Kills a stage in the middle, for the tests of what a resumed one does."""

from maskdistill.stages.progress import Silent


class StopAfter(Silent):
    """A Progress that interrupts its stage, as a user would, once so many steps are done.

    Args:
        steps: Those of finished runs count where the stage says so.
        phase: How the phases begin whose steps count; "" = all.
    """

    def __init__(self, steps: int, phase: str = "") -> None:
        self.left, self.counted = steps, phase
        self.counts = phase == ""

    def start(self, phase: str, total: int, unit: str) -> None:
        """Count, or not, in this phase."""
        self.counts = phase.startswith(self.counted)

    def advance(self, n: int = 1, **info: float) -> None:
        """Count, and interrupt."""
        self.left -= n * self.counts
        if self.left <= 0:
            raise KeyboardInterrupt
