"""How a training is optimised, in one value. No torch."""

from dataclasses import dataclass
from math import ceil
from typing import Literal

OptimizerName = Literal["sgd", "adamw", "lars"]
ScheduleName = Literal["step", "cosine", "warmup_cosine", "poly", "constant"]
Precision = Literal["auto", "bf16", "fp32"]
TrainingPrecision = Literal["auto", "bf16", "fp16", "fp32"]
"""With fp16 the loss is scaled up so that small gradients do not vanish; bf16 and fp32 need none of that."""
ResolvedPrecision = Literal["bf16", "fp16", "fp32"]
"""What `auto` comes to on some hardware: see `precision.py`."""


@dataclass(frozen=True)
class Recipe:
    """The numbers of one training.

    Attributes:
        iterations: Optimiser steps.
        batch_size: Samples per step.
        lr: Learning rate after the warm-up.
        optimizer: "sgd" and "lars" use `momentum`; "adamw" does not.
        weight_decay: Decay per step, relative to the learning rate.
        last_weight_decay: What it comes to at the end, along a cosine; None = it stays.
        decay_matrices_only: Whether vectors, such as biases and the scales of norms, do not decay.
        momentum: Of SGD and LARS.
        betas: AdamW's decay of its averages of the gradient and of its square.
        warmup_iterations: Steps over which the rate rises linearly, from lr / warmup_iterations or, with the schedule
            "warmup_cosine", from lr / 100.
        schedule: "step" multiplies the rate by 0.1 at each fraction of the training in `step_at`; "poly" and "cosine"
            let it fall to `lowest_lr`, the former by the share that is left, to the power of 0.9; so does
            "warmup_cosine", but not before the warm-up ends.
        step_at: Fractions of the training, 0-1.
        lowest_lr: Fraction of `lr` that a cosine and "poly" end at.
        precision: Type of the forward pass; parameters and optimiser stay float32.
        clip_norm: Largest L2 norm of the gradient; None = no clipping.
        clip_each: Whether that is the norm of each parameter's gradient by itself, not of all of them together.
        ema_decay: Fraction of the old value in the moving average of the weights; None = no average.
        fixed_shapes: All batches have one shape.
        channels_last: Lay convolution weights out as NHWC, which is faster on most devices.
    """

    iterations: int
    batch_size: int
    lr: float
    optimizer: OptimizerName = "sgd"
    weight_decay: float = 0.0
    last_weight_decay: float | None = None
    decay_matrices_only: bool = False
    momentum: float = 0.9
    betas: tuple[float, float] = (0.9, 0.999)
    warmup_iterations: int = 0
    schedule: ScheduleName = "constant"
    step_at: tuple[float, ...] = ()
    lowest_lr: float = 0.0
    precision: TrainingPrecision = "fp32"
    clip_norm: float | None = None
    clip_each: bool = False
    ema_decay: float | None = None
    fixed_shapes: bool = True
    channels_last: bool = True


def steps_of(epochs: float, n_images: int, batch_size: int, limits: tuple[int, int] | None = None) -> int:
    """Steps of so many passes over the images, at least one, and within the limits, both included."""
    steps = max(1, ceil(epochs * n_images / batch_size))
    return steps if limits is None else min(max(steps, limits[0]), limits[1])
