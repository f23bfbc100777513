"""Which arithmetic a network computes in: the fastest that the hardware really has, or the one that was asked for.

`auto` is bf16 where the hardware computes it and float32 elsewhere; a training with loss scaling takes fp16 instead of
float32 on GPUs with tensor cores and no bf16 (V100, T4). It says how the work is done, like the device: what it came to
stands in the manifest and is no part of a key.
"""

import platform
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from maskdistill.stages.training.recipe import ResolvedPrecision, TrainingPrecision

_TENSOR_CORES = (7, 0)
"""CUDA capability from which fp16 is faster than float32."""


class EmulatedPrecision(UserWarning):
    """A precision that the hardware does not compute, and that is slower for it."""


@dataclass(frozen=True)
class Abilities:
    """What a device computes by itself.

    Attributes:
        bf16: Products in bf16; where not, torch emulates them, 10 to 50 times slower on a CPU.
        fast_fp16: Products in fp16 faster than in float32.
    """

    bf16: bool
    fast_fp16: bool


def resolve_precision(
    precision: TrainingPrecision,
    device: torch.device,
    *,
    loss_scaling: bool = False,
    abilities: Abilities | None = None,
) -> ResolvedPrecision:
    """The precision to compute in.

    Args:
        precision: As configured. Where `bf16` is asked for and not computed by the hardware, it is used all the same,
            with a warning, once a process.
        device: Where to compute.
        loss_scaling: Whether the caller trains with scaled losses, without which fp16 loses small gradients.
        abilities: Of the device; None = they are asked for.
    """
    if precision in ("fp16", "fp32"):
        return precision
    able = abilities or abilities_of(device)
    if precision == "bf16" and not able.bf16:
        warn_of_emulation(device.type)
    if precision == "bf16" or able.bf16:
        return "bf16"
    return "fp16" if loss_scaling and able.fast_fp16 else "fp32"


def autocast(
    device: torch.device,
    precision: TrainingPrecision,
    *,
    loss_scaling: bool = False,
    abilities: Abilities | None = None,
) -> torch.autocast:
    """The context of a forward pass: 16 bits where it is safe, or float32 all through. See `resolve_precision`."""
    resolved = resolve_precision(precision, device, loss_scaling=loss_scaling, abilities=abilities)
    dtype = torch.float16 if resolved == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype=dtype, enabled=resolved != "fp32")


@contextmanager
def float32_products(*, tf32: bool, fixed_shapes: bool = False) -> Iterator[None]:
    """How CUDA multiplies float32 matrices and convolves, forward and backward; without effect on a CPU.

    Args:
        tf32: Whether 13 of the 23 bits of mantissa may be dropped (TF32), which is several times faster.
        fixed_shapes: Whether cuDNN may try its algorithms once for every shape, which pays where shapes repeat.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = tf32, tf32, fixed_shapes
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before


@cache
def abilities_of(device: torch.device) -> Abilities:
    """What this machine's device computes by itself."""
    return cuda_abilities(device) if device.type == "cuda" else cpu_abilities()


def cuda_abilities(device: torch.device, cuda: Any = torch.cuda) -> Abilities:
    """What a GPU computes by itself; `cuda` answers as torch.cuda does."""
    has_tensor_cores = cuda.get_device_capability(device) >= _TENSOR_CORES
    return Abilities(bool(cuda.is_bf16_supported(including_emulation=False)), has_tensor_cores)


def cpu_abilities(
    machine: str | None = None, cpu: Any = torch.cpu, slowdown: Callable[[], float] | None = None
) -> Abilities:
    """What a CPU computes by itself: as it reports, or as a measurement says where torch cannot tell.

    Args:
        machine: Its architecture; None = that of this one.
        cpu: Answers as torch.cpu does.
        slowdown: Measures the time of a product in bf16 by that in float32; None = `bf16_slowdown`.
    """
    questions = [getattr(cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile")]
    if (machine or platform.machine()).lower() not in ("x86_64", "amd64") or None in questions:
        return Abilities((slowdown or partial(bf16_slowdown, "cpu"))() < 1, fast_fp16=False)
    return Abilities(any(question() for question in questions if question is not None), fast_fp16=False)


@cache
def bf16_slowdown(device_type: str) -> float:
    """Time of a small matrix product in bf16 divided by that in float32, measured in a few milliseconds."""
    matrix = torch.ones(128, 128, device=device_type)
    n_threads = torch.get_num_threads()
    # With several threads, whatever else runs on the machine would be measured too.
    torch.set_num_threads(1)
    try:
        with torch.inference_mode(), torch.autocast(device_type, enabled=False):
            return _seconds_of_product(matrix.bfloat16()) / _seconds_of_product(matrix)
    finally:
        torch.set_num_threads(n_threads)


def _seconds_of_product(matrix: Tensor, repetitions: int = 5) -> float:
    """The shortest of some times, after a first one that builds the kernel."""
    times = []
    for _ in range(repetitions + 1):
        began = time.perf_counter()
        matrix @ matrix
        times.append(time.perf_counter() - began)
    return min(times[1:])


@cache
def warn_of_emulation(device_type: str) -> None:
    """Say, once a process, that bf16 is emulated on this device, and what that costs."""
    how_much = f", {bf16_slowdown(device_type):.0f} times slower than float32" if device_type == "cpu" else ""
    warnings.warn(
        f"precision: bf16 was asked for, which this {device_type.upper()} only emulates{how_much}; "
        "precision: auto takes what is fast",
        EmulatedPrecision,
        stacklevel=2,
    )
