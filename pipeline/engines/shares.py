"""What each of several processes on this machine gets of it: one GPU, and its fraction of the cores."""

import os

from maskdistill.stages.contract import ExecutionConfig

VISIBLE = "CUDA_VISIBLE_DEVICES"


def usable_gpus(execution: ExecutionConfig) -> tuple[str, ...]:
    """The GPUs that the stages may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    if execution.device == "cpu" or not torch.cuda.is_available():
        return ()
    named = os.environ.get(VISIBLE)
    return tuple(named.split(",") if named else map(str, range(torch.cuda.device_count())))


def only_gpu(number: int, gpus: tuple[str, ...]) -> dict[str, str]:
    """The variable that leaves a process one GPU, which some share where there are more processes; {} without any.

    It has to be set before the process looks for one.
    """
    return {VISIBLE: gpus[number % len(gpus)]} if gpus else {}
