"""Training on several machines: what torchrun has started on each of them takes part in the trainings of one command.

    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500 -m maskdistill run -c my.yaml

starts the same command in every process. The first one runs it; the others wait for its trainings, and end with it.
Torch is imported where it is needed, as every command asks here which process it is.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from itertools import count
from typing import Any

from maskdistill.stages.progress import Progress, Silent

Worker = Callable[[Any, Progress], None]
"""Trains in one process on the work it is given; a function of a module, and work that can be pickled."""

_END = "end"
_AS_LONG_AS_IT_TAKES = timedelta(days=365)
_numbers = count()
"""Of the messages to the other processes, in this one."""


def n_started() -> int:
    """How many processes torchrun has started, on all machines; 1 without it."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def number() -> int:
    """Which of them this is; 0 runs the command."""
    return int(os.environ["RANK"]) if n_started() > 1 else 0


def lead(worker: Worker, work: Any, backend: str, progress: Progress) -> None:
    """Train together with all that `follow`.

    Args:
        worker: What each process does.
        work: What it is given; the same to all.
        backend: What gradients go through: `nccl` or `gloo`.
        progress: Of this process; the others are silent.
    """
    _take_part(_tell(backend), backend, (worker, work), progress)


def dismiss() -> None:
    """Let the others end; does nothing without any."""
    if n_started() > 1:
        _tell(_END)


def follow() -> None:
    """Take part in each training of the first process, until it is done with its command."""
    for message in count():
        name = f"training {message}"
        _store().wait([name], _AS_LONG_AS_IT_TAKES)
        if (backend := _store().get(name).decode()) == _END:
            return
        _take_part(name, backend, None, Silent())


def _tell(message: str) -> str:
    """Leave a message for the others; gives its name."""
    name = f"training {next(_numbers)}"
    _store().set(name, message)
    return name


def _take_part(name: str, backend: str, task: tuple[Worker, Any] | None, progress: Progress) -> None:
    import torch
    import torch.distributed as dist
    from torch.distributed.distributed_c10d import PrefixStore

    if backend == "nccl":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    store = PrefixStore(name, _store())
    dist.init_process_group(backend, store=store, rank=number(), world_size=n_started())
    try:
        tasks: list[Any] = [task]
        dist.broadcast_object_list(tasks, src=0)
        worker, work = tasks[0]
        worker(work, progress)
        dist.barrier()
    finally:
        dist.destroy_process_group()


@cache
def _store() -> Any:
    """What all processes can read and write, at the address that torchrun has given them."""
    from torch.distributed.rendezvous import rendezvous

    store, _, _ = next(rendezvous("env://"))
    return store
