"""Which device a stage computes on, and in which arithmetic."""

import torch

from data.errors import InputError
from stages.contract import ExecutionConfig
from stages.recipe import TrainingPrecision


def resolve_device(execution: ExecutionConfig) -> torch.device:
    """The device to compute on; "auto" is CUDA where there is one.

    Raises:
        InputError: CUDA was asked for and this machine has none that torch can use.
    """
    has_cuda = torch.cuda.is_available()
    if execution.device == "cuda" and not has_cuda:
        raise InputError(
            "execution.device: cuda was asked for, but torch finds no CUDA device; use device: auto or device: cpu"
        )
    return torch.device("cuda" if has_cuda and execution.device != "cpu" else "cpu")


def autocast(device: torch.device, precision: TrainingPrecision) -> torch.autocast:
    """The context of a forward pass: 16 bits where it is safe, or float32 all through."""
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype=dtype, enabled=precision != "fp32")
