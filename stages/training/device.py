"""Which device a stage computes on, and with how many threads."""

import os

import joblib
import torch

from maskdistill.data.errors import InputError
from maskdistill.stages.contract import ExecutionConfig


def resolve_device(execution: ExecutionConfig) -> torch.device:
    """The device to compute on, torch's threads kept to the cores of this process; "auto" is CUDA where there is one.

    Raises:
        InputError: CUDA was asked for and this machine has none that torch can use.
    """
    limit_threads()
    has_cuda = torch.cuda.is_available()
    if execution.device == "cuda" and not has_cuda:
        raise InputError(
            "execution.device: cuda was asked for, but torch finds no CUDA device; use device: auto or device: cpu"
        )
    return torch.device("cuda" if has_cuda and execution.device != "cpu" else "cpu")


def limit_threads(n_processes: int = 1, n_cores: int | None = None) -> None:
    """Let torch use no more threads than this process has cores: by affinity, and by the quota of its container.

    torch sees neither quota nor, on some platforms, affinity, and twenty threads on two cores crawl. OMP_NUM_THREADS
    keeps its meaning.

    Args:
        n_processes: How many processes work at the same time and share the cores.
        n_cores: How many cores there are; None = `usable_cores`.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, min(torch.get_num_threads(), (n_cores or usable_cores()) // n_processes)))


def usable_cores() -> int:
    """Cores that this process may use, at least 1."""
    return int(joblib.cpu_count())


def describe_device(device: torch.device) -> dict[str, str]:
    """Name of the device, for a CPU the widest instructions that torch uses on it, and the number of threads."""
    if device.type == "cuda":
        return {"device": torch.cuda.get_device_name(device), "threads": str(torch.get_num_threads())}
    has_amx = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()
    widest = "AMX" if has_amx else torch.backends.cpu.get_cpu_capability()
    return {"device": f"CPU ({widest})", "threads": str(torch.get_num_threads())}
