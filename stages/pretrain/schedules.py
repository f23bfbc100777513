"""What changes in the course of a training, each a pure function of the step or of the share that is done. No torch."""

import math


def ramp(share: float, between: tuple[float, float]) -> float:
    """0 up to the first share of the training, 1 from the second on, linear in between."""
    start, end = between
    if share >= end:
        return 1.0
    return max(0.0, (share - start) / (end - start)) if end > start else 0.0


def cosine(share: float, start: float, end: float) -> float:
    """From `start` at share 0 to `end` at share 1 along half a cosine."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def warmed_up(step: int, warmup_steps: int) -> float:
    """Factor of the learning rate in the step number `step`, counted from 0."""
    return min(1.0, (step + 1) / max(1, warmup_steps))


def average_decay(step: int, share: float, start: float, end: float) -> float:
    """Decay of averaged weights: `start` to `end`, and less in the first steps, so that they forget their start.

    The cosine runs to 1 and is cut off at `end`.
    """
    return min(end, cosine(share, start, 1.0), (1 + step) / (10 + step))
