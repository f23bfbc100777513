"""What changes in the course of a training, each a pure function of the step or of the share that is done. No torch."""

import math
from dataclasses import dataclass

from maskdistill.stages.training.recipe import Recipe


@dataclass(frozen=True)
class Step:
    """One step of a training.

    Attributes:
        number: Counted from 0.
        total: How many steps the training has.
    """

    number: int
    total: int

    @property
    def share(self) -> float:
        """Fraction of the training that is done before this step."""
        return self.number / self.total

    @property
    def next_share(self) -> float:
        """Fraction of the training that is done after this step."""
        return (self.number + 1) / self.total


def learning_rate(recipe: Recipe, iteration: int) -> float:
    """Rate of the step number `iteration`, counted from 0."""
    if recipe.schedule == "warmup_cosine":
        return recipe.lr * _rise_then_fall(iteration, recipe)
    share = iteration / recipe.iterations
    factor = 1.0
    if recipe.schedule == "cosine":
        factor = cosine(share, 1.0, recipe.lowest_lr)
    elif recipe.schedule == "poly":
        factor = polynomial(share, 1.0, recipe.lowest_lr)
    elif recipe.schedule == "step":
        factor = 0.1 ** sum(share >= step for step in recipe.step_at)
    return recipe.lr * warmed_up(iteration, recipe.warmup_iterations) * factor


def _rise_then_fall(iteration: int, recipe: Recipe) -> float:
    """Factor of the rate: from a hundredth in a straight line to 1, and from there along a cosine."""
    rising = recipe.warmup_iterations
    if iteration < rising:
        return 0.01 + 0.99 * iteration / rising
    return cosine((iteration - rising) / max(1, recipe.iterations - rising), 1.0, recipe.lowest_lr)


def weight_decay(recipe: Recipe, share: float) -> float:
    """Decay of the weights when `share` of the training is done."""
    end = recipe.weight_decay if recipe.last_weight_decay is None else recipe.last_weight_decay
    return cosine(share, recipe.weight_decay, end)


def warmed_up(step: int, warmup_steps: int) -> float:
    """Factor of the learning rate in the step number `step`, counted from 0."""
    return min(1.0, (step + 1) / max(1, warmup_steps))


def ramp(share: float, between: tuple[float, float]) -> float:
    """0 up to the first fraction of the training, 1 from the second on, linear in between."""
    start, end = between
    if share >= end:
        return 1.0
    return max(0.0, (share - start) / (end - start)) if end > start else 0.0


def cosine(share: float, start: float, end: float) -> float:
    """From `start` at share 0 to `end` at share 1 along half a cosine."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def polynomial(share: float, start: float, end: float) -> float:
    """From `start` at share 0 to `end` at share 1, nearly straight: by the share that is left, to the power of 0.9."""
    return end + (start - end) * float((1 - share) ** 0.9)


def average_decay(step: int, share: float, start: float, end: float) -> float:
    """Decay of averaged weights: `start` to `end`, and less in the first steps, so that they forget their start.

    The cosine runs to 1 and is cut off at `end`.
    """
    return min(end, cosine(share, start, 1.0), (1 + step) / (10 + step))
