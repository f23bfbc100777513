"""The parts of a stage on this machine: in this process, or in several that each keep their model."""

import os
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from maskdistill.data.errors import MaskDistillError
from maskdistill.pipeline.engines.shares import only_gpu
from maskdistill.stages.parts import Advance, InThisProcess, Part, PartJob, PartReport, PartWorker, make_part


@dataclass(frozen=True)
class LocalEngine:
    """Makes parts with `workers` processes, which share the GPUs; with fewer than two, in this one."""

    workers: int = 0
    gpus: tuple[str, ...] = ()

    def run(self, job: PartJob, parts: Sequence[Part], advance: Advance) -> Generator[PartReport, None, None]:
        """Make all parts, as each gets done. What the first failing part raised is raised; no further one is begun."""
        n_processes = min(self.workers, len(parts))
        if n_processes < 2:
            yield from InThisProcess().run(job, parts, advance)
            return
        # Spawned, not forked: torch and CUDA do not survive a fork once they have threads.
        context = get_context("spawn")
        started = (job, n_processes, self.gpus, context.Value("i", 0))
        with ProcessPoolExecutor(n_processes, context, initializer=_begin, initargs=started) as pool:
            try:
                for future in as_completed([pool.submit(_make, part) for part in parts]):
                    report = future.result()
                    advance(report.items)
                    yield report
            except BrokenProcessPool as error:
                raise MaskDistillError(
                    f"one of {n_processes} worker processes ended before its work was done, most likely for want of "
                    "memory: run again with a smaller execution.workers, what is done stays done. In a script of your "
                    'own, the call has to stand below `if __name__ == "__main__":`'
                ) from error
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


_job: list[PartJob] = []
"""What this process works on, if it was started for that."""
_worker: list[PartWorker] = []
"""That job, once it is open: with its first part, where an error still reaches the main process whole."""


def _begin(job: PartJob, n_processes: int, gpus: tuple[str, ...], begun: Any) -> None:
    """Start a process, and leave it a GPU and its fraction of the cores."""
    from maskdistill.stages.training.device import limit_threads

    with begun.get_lock():
        number, begun.value = begun.value, begun.value + 1
    os.environ.update(only_gpu(number, gpus))
    limit_threads(n_processes)
    _job.append(job)


def _make(part: Part) -> PartReport:
    if not _worker:
        _worker.append(_job[0].open())
    return make_part(_worker[0], part)
