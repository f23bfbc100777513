"""What bf16 costs or gains on this machine, operation by operation, and what `precision: auto` makes of it.

python benchmarks/precision.py

Prints milliseconds in float32 and bf16, the median of some turns in which both are timed one after the other, and how
many times slower bf16 is.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch.nn import functional as F

from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.training.device import describe_device, resolve_device
from maskdistill.stages.training.precision import resolve_precision

Operation = Callable[[torch.dtype, torch.device], Callable[[], object]]


def matrix_product(dtype: torch.dtype, device: torch.device) -> Callable[[], object]:
    matrix = torch.ones(512, 512, dtype=dtype, device=device)
    return lambda: matrix @ matrix


def convolution(dtype: torch.dtype, device: torch.device) -> Callable[[], object]:
    images, kernel = _convolved(dtype, device)
    return lambda: F.conv2d(images, kernel, padding=1)


def its_gradient(dtype: torch.dtype, device: torch.device) -> Callable[[], object]:
    images, kernel = (tensor.requires_grad_() for tensor in _convolved(dtype, device))
    loss = F.conv2d(images, kernel, padding=1).sum()
    return lambda: torch.autograd.grad(loss, (images, kernel), retain_graph=True)


def attention(dtype: torch.dtype, device: torch.device) -> Callable[[], object]:
    tokens = torch.ones(1, 3, 577, 64, dtype=dtype, device=device)
    return lambda: F.scaled_dot_product_attention(tokens, tokens, tokens)


def _convolved(dtype: torch.dtype, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.ones(4, 64, 32, 32, dtype=dtype, device=device)
    return images, torch.ones(64, 64, 3, 3, dtype=dtype, device=device)


OPERATIONS: dict[str, Operation] = {
    "product of matrices, 512 x 512": matrix_product,
    "convolution 3 x 3, 4 x 64 x 32 x 32": convolution,
    "its gradient": its_gradient,
    "attention, 3 heads, 577 tokens": attention,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    device = resolve_device(ExecutionConfig())
    table = Table("", "float32, ms", "bf16, ms", "bf16 : float32")
    for name, make in OPERATIONS.items():
        full, half = compare(make(torch.float32, device), make(torch.bfloat16, device), turns, device)
        table.add_row(name, f"{full:.2f}", f"{half:.2f}", f"{half / full:.1f}")
    console = Console()
    console.print(table)
    machine = describe_device(device)
    console.print(f"{machine['device']}, {machine['threads']} threads: auto is {resolve_precision('auto', device)}")


def compare(
    first: Callable[[], object], second: Callable[[], object], turns: int, device: torch.device
) -> tuple[float, float]:
    """Median milliseconds of both, after a turn that warms up."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(turns + 1):
        for work, seconds in zip((first, second), times, strict=True):
            start = time.perf_counter()
            work()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if turn:
                seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[0]), 1000 * statistics.median(times[1])


if __name__ == "__main__":
    main()
