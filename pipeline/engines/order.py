"""A job on its way to the workers of a cluster, and what a worker does with it.

The job itself goes as a file through the artifact folder, which all machines share; a cluster carries nothing but its
name and hash. So it passes no gigabyte of image names, and no worker that is lost takes a job with it.
"""

import hashlib
import os
import pickle
import socket
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.pipeline.environment import describe_versions
from maskdistill.stages.parts import Part, PartJob, PartReport, PartWorker, make_part, read_report

SECONDS_TO_APPEAR = 60
"""How long a file of another machine may take to be seen: network file systems look again after up to a minute."""
_BETWEEN_LOOKS = 0.2


@dataclass(frozen=True)
class Order:
    """What a worker has to know to make parts of a job.

    Attributes:
        folder: The working folder of the run, from which its paths start.
        file: The pickled job, in the folder of the parts.
        sha256: Of that file; nothing else is unpickled.
        versions: Of the packages that results depend on, by name, as the run has them.
    """

    folder: Path
    file: Path
    sha256: str
    versions: Mapping[str, str | None]


@dataclass(frozen=True)
class Made:
    """A part that is made.

    Attributes:
        report: What became of it.
        process: Number of the process that made it.
        machine: Name of its machine, and what it computed on where that is known.
    """

    report: PartReport
    process: int
    machine: str


@contextmanager
def placed(job: PartJob, parts: Path) -> Iterator[Order]:
    """Lay a job into the folder of its parts, for as long as they are made; a killed run's is swept by the next."""
    parts.mkdir(parents=True, exist_ok=True)
    file = parts / f".job.{uuid.uuid4().hex}.tmp"
    content = pickle.dumps(job)
    file.write_bytes(content)
    try:
        yield Order(Path.cwd(), file, hashlib.sha256(content).hexdigest(), describe_versions())
    finally:
        file.unlink(missing_ok=True)


def make(order: Order, part: Part, seconds: float = SECONDS_TO_APPEAR) -> Made:
    """Make a part, in a process of a cluster; the job that it belongs to is opened once a process.

    Args:
        order: The job.
        part: What is to be made.
        seconds: How long to wait for the artifact folder.

    Raises:
        InputError: This worker has other versions than the run, or does not see the artifact folder.
        MaskDistillError: The run has ended meanwhile, without this worker having been told.
    """
    with _ONE_AT_A_TIME:
        if order.file not in _opened:
            job = _fetch(order, seconds)
            forget()  # before the next model is loaded
            _opened[order.file] = job.open()
        elif not order.file.exists():
            raise MaskDistillError(f"{part.folder}: the run that wanted it is over")
        # It is there where the worker that made it was lost before it could say so.
        report = read_report(part.folder) or make_part(_opened[order.file], part)
    return Made(report, os.getpid(), _describe_machine())


def forget() -> None:
    """Let go of the job that this process is at, and of its memory."""
    _opened.clear()
    if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


_opened: dict[Path, PartWorker] = {}
"""The job that this process is at, by its file."""
_ONE_AT_A_TIME = Lock()
"""A cluster may run several threads in a process, and a model knows one part at a time."""


def _fetch(order: Order, seconds: float) -> PartJob:
    host = socket.gethostname()
    pairs = [(name, here, order.versions[name]) for name, here in describe_versions().items()]
    if other := [f"{name} {here} ({wanted})" for name, here, wanted in pairs if here != wanted]:
        raise InputError(
            f"execution.engine: the worker on {host} has other versions than the run, whose are in brackets: "
            f"{', '.join(other)}; install the same on all machines, and start the workers anew"
        )
    if not (order.folder.is_dir() and appears(order.folder / order.file, seconds)):
        raise InputError(
            f"execution.engine: the worker on {host} does not see the artifact folder: no {order.folder / order.file} "
            "there; artifacts and images have to lie on a file system that all machines share, at the same path"
        )
    os.chdir(order.folder)
    content = order.file.read_bytes()
    if hashlib.sha256(content).hexdigest() != order.sha256:
        raise MaskDistillError(f"{order.file}: not as the run wrote it, read on {host}; run again")
    job: PartJob = pickle.loads(content)
    return job


def appears(path: Path, seconds: float) -> bool:
    """Whether a file or folder of another machine is there, within some time."""
    end = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > end:
            return False
        time.sleep(_BETWEEN_LOOKS)
        if path.parent.is_dir():
            next(path.parent.iterdir(), None)  # which makes NFS forget that it saw nothing
    return True


def _describe_machine() -> str:
    """The host, and device and threads where torch was used: asked of no job, since not every one computes."""
    if "torch" not in sys.modules:
        return socket.gethostname()
    import torch

    from maskdistill.stages.training.device import describe_device

    device = describe_device(torch.device("cuda" if torch.cuda.is_initialized() else "cpu"))  # type: ignore[no-untyped-call]
    return f"{socket.gethostname()}: {device['device']}, {device['threads']} threads"
