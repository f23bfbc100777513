"""How a training is optimised, in one value; and the learning rate as a pure function of the iteration. No torch."""

import math
from dataclasses import dataclass
from typing import Literal

OptimizerName = Literal["sgd", "adamw"]
ScheduleName = Literal["step", "cosine", "poly", "constant"]
Precision = Literal["auto", "bf16", "fp32"]
TrainingPrecision = Literal["auto", "bf16", "fp16", "fp32"]
"""With fp16 the loss is scaled up so that small gradients do not vanish; bf16 and fp32 need none of that."""
ResolvedPrecision = Literal["bf16", "fp16", "fp32"]
"""What `auto` comes to on some hardware: see `stages/precision.py`."""


@dataclass(frozen=True)
class Recipe:
    """The numbers of one training.

    Attributes:
        iterations: Optimiser steps.
        batch_size: Samples per step.
        lr: Learning rate after the warm-up.
        optimizer: "sgd" uses `momentum`; "adamw" does not.
        weight_decay: Decay per step, relative to the learning rate.
        momentum: Of SGD.
        warmup_iterations: Steps over which the rate rises linearly from lr / warmup_iterations.
        schedule: "step" multiplies the rate by 0.1 at each share of the training in `step_at`; "poly" by the share that
            is left, to the power of 0.9.
        step_at: Shares of the training, 0-1.
        precision: Type of the forward pass; parameters and optimiser stay float32.
        clip_norm: Largest L2 norm of the whole gradient; None = no clipping.
        ema_decay: Share of the old value in the moving average of the weights; None = no average.
        fixed_shapes: All batches have one shape.
        channels_last: Lay convolution weights out as NHWC, which is faster on most devices.
    """

    iterations: int
    batch_size: int
    lr: float
    optimizer: OptimizerName = "sgd"
    weight_decay: float = 0.0
    momentum: float = 0.9
    warmup_iterations: int = 0
    schedule: ScheduleName = "constant"
    step_at: tuple[float, ...] = ()
    precision: TrainingPrecision = "fp32"
    clip_norm: float | None = None
    ema_decay: float | None = None
    fixed_shapes: bool = True
    channels_last: bool = True


def learning_rate(recipe: Recipe, iteration: int) -> float:
    """Rate of the step number `iteration`, counted from 0."""
    warmup = min(1.0, (iteration + 1) / max(1, recipe.warmup_iterations))
    share = iteration / recipe.iterations
    factor = 1.0
    if recipe.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * share))
    elif recipe.schedule == "poly":
        factor = (1 - share) ** 0.9
    elif recipe.schedule == "step":
        factor = 0.1 ** sum(share >= step for step in recipe.step_at)
    return recipe.lr * warmup * factor
