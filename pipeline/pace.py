"""How fast a phase of a stage goes on, and when it will be done."""

import time
from collections.abc import Callable

from maskdistill.pipeline.formatting import format_seconds

_AT_ONCE = 0.5
"""Seconds within which work is not done but found done, by a run that was killed."""


class Pace:
    """Rate over all of a phase: of slow steps, the last one or two say little.

    Args:
        total: Things to do.
        clock: Seconds, from any start.

    Attributes:
        done: Those that are done, by an earlier run included.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self.done = total, 0
        self._clock, self._began, self._found = clock, clock(), 0

    def advance(self, n: int) -> None:
        """So many more are done."""
        if not self.done and n > 1 and self._clock() - self._began < _AT_ONCE:
            self._found = n
        self.done += n

    def __str__(self) -> str:
        """Rate and ETA, as far as they are known; in the end, the time that it took."""
        seconds, made = max(self._clock() - self._began, 1e-9), self.done - self._found
        if self.done >= self.total:
            return format_seconds(seconds)
        if not made:
            return "ETA follows"
        left = (self.total - self.done) * seconds / made
        return f"{format_rate(made / seconds)}, ETA {format_seconds(left)}"


def format_rate(per_second: float) -> str:
    """Things per second, or the time of each where it takes longer."""
    return f"{per_second:.1f}/s" if per_second >= 1 else f"{format_seconds(1 / per_second)} each"
