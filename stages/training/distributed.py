"""Training on several devices: one process each, their gradients averaged; over several machines see `torchrun.py`.

The batch of the configuration is split over the processes, so that the number of devices is no setting of the result.
It is not bit-equal though: each process draws its own boxes and takes its own mean over its fraction of the batch.
"""

import queue
import tempfile
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing import get_context
from torch.multiprocessing.spawn import ProcessException, start_processes

from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.progress import Progress, Silent
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.torchrun import Worker, lead, n_started


def rank() -> int:
    """Number of this process among those that train together; the one with 0 writes."""
    return dist.get_rank() if dist.is_initialized() else 0


def n_processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def count_devices(execution: ExecutionConfig, batch_size: int, fewest: int = 1) -> int:
    """How many processes to train with: all that torchrun has started, or so many on this machine; see `split_batch`.

    Args:
        execution: `devices` None takes as many GPUs as the batch can be split over.
        batch_size: Samples per step, over all devices.
        fewest: Least samples per step on each device.
    """
    if n_started() > 1:
        return split_batch(n_started(), None, batch_size, fewest)
    on_cuda = resolve_device(execution).type == "cuda"
    return split_batch(execution.devices, torch.cuda.device_count() if on_cuda else None, batch_size, fewest)


def split_batch(wanted: int | None, n_gpus: int | None, batch_size: int, fewest: int = 1) -> int:
    """Over how many processes a batch is split.

    Args:
        wanted: What was asked for; None = as many GPUs as divide the batch, one process on a CPU.
        n_gpus: How many GPUs there are; None = the training is on a CPU.
        batch_size: Samples of the batch.
        fewest: Least samples per process.

    Raises:
        InputError: There are fewer GPUs than asked for, or the batch cannot be split so.
    """
    usable = [n for n in range(1, batch_size // fewest + 1) if batch_size % n == 0]
    if wanted is None:
        return max((n for n in usable if n <= (n_gpus or 1)), default=1)
    if n_gpus is not None and wanted > n_gpus:
        raise InputError(f"execution.devices: {wanted} were asked for, and there are {n_gpus} GPUs")
    if wanted > 1 and wanted not in usable:
        raise InputError(
            f"execution.devices: a batch of {batch_size} does not split over {wanted} devices, with at least {fewest} "
            f"on each; use one of {', '.join(map(str, usable))}, or another batch_size"
        )
    return wanted


def run_on_devices(worker: Worker, work: Any, count: int, execution: ExecutionConfig, progress: Progress) -> None:
    """Run a worker in this process, or in `count` processes that can exchange tensors; see `count_devices`.

    Raises:
        MaskDistillError: What a worker raised.
    """
    if count == 1:
        worker(work, progress)
        return
    on_cuda = resolve_device(execution).type == "cuda"
    if n_started() > 1:
        lead(worker, work, "nccl" if on_cuda else "gloo", progress)
        return
    messages: Any = get_context("spawn").Queue()
    with tempfile.TemporaryDirectory() as folder:
        address = f"file://{folder}/rendezvous"
        arguments = (worker, work, count, on_cuda, address, messages)
        processes: Any = start_processes(  # type: ignore[no-untyped-call]
            _work, arguments, nprocs=count, join=False, start_method="spawn"
        )
        try:
            _follow(processes, messages, progress)
        finally:
            for process in processes.processes:
                process.terminate()
                process.join()
            # torch leaves behind what a process wrote of its error.
            for path in processes.error_files:
                Path(path).unlink(missing_ok=True)


def _work(number: int, worker: Worker, work: Any, count: int, on_cuda: bool, address: str, messages: Any) -> None:
    """What each process does."""
    if on_cuda:
        torch.cuda.set_device(number)
    torch.set_num_threads(max(1, torch.get_num_threads() // count))
    backend = "nccl" if on_cuda else "gloo"
    dist.init_process_group(backend, init_method=address, rank=number, world_size=count)
    try:
        worker(work, Silent() if number else _Relay(messages))
        dist.barrier()
    except MaskDistillError as error:
        messages.put(error)
        raise
    finally:
        dist.destroy_process_group()


class _Relay:
    """Hands the progress of a process to the one that started it."""

    def __init__(self, messages: Any) -> None:
        self.messages = messages

    def say(self, line: str) -> None:
        self.messages.put(("say", (line,), {}))

    def start(self, phase: str, total: int, unit: str) -> None:
        self.messages.put(("start", (phase, total, unit), {}))

    def advance(self, n: int = 1, **info: float) -> None:
        self.messages.put(("advance", (n,), info))


def _follow(processes: Any, messages: Any, progress: Progress) -> None:
    """Pass on progress and errors until all processes are done."""
    running = True
    while running:
        try:
            running = not processes.join(timeout=0.1)
        except ProcessException as failure:
            error = _pass_on(messages, progress)
            raise error or MaskDistillError(f"a training process failed:\n{failure}") from failure
        error = _pass_on(messages, progress)
        if error is not None:
            raise error


def _pass_on(messages: Any, progress: Progress) -> MaskDistillError | None:
    """Handle what has arrived; gives the error, if one is among it."""
    while True:
        try:
            message = messages.get_nowait()
        except queue.Empty:
            return None
        if isinstance(message, MaskDistillError):
            return message
        method, arguments, info = message
        getattr(progress, method)(*arguments, **info)
