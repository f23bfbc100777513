"""Parts on Dask: the workers of a scheduler that is there, or processes on this machine."""

import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.data.optional import import_optional
from maskdistill.pipeline.engines.order import Made, Order, forget, make
from maskdistill.pipeline.engines.shares import only_gpu, usable_gpus
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.parts import Part

SECONDS_TO_CONNECT = 10
_SECONDS_TO_START = 120
_GPU = "GPU"
"""The resource that workers with a GPU offer, one each: `dask worker --resources GPU=1`."""
_ALIKE = ("python", "dask", "distributed")
"""What scheduler and workers need in the same version to understand each other."""


class DaskCluster:
    """The workers of Dask's scheduler at `execution.address`; without one, `execution.workers` processes here.

    Args:
        execution: Where, and how many.
        say: Told which workers there are.
        seconds: How long to wait for the scheduler at the address.

    Raises:
        InputError: Dask is not installed, nobody answers, or versions differ.
    """

    def __init__(
        self, execution: ExecutionConfig, say: Callable[[str], None], seconds: float = SECONDS_TO_CONNECT
    ) -> None:
        remedy = "install it with: pip install 'maskdistill[dask]'"
        self._dask = import_optional("distributed", "execution.engine: dask", remedy)
        with ExitStack() as opened:
            where = execution.address or opened.enter_context(_local_cluster(self._dask, execution))
            self._client = opened.enter_context(_connect(self._dask, where, seconds))
            _check_versions(self._client.get_versions())
            if execution.address:
                opened.callback(self._forget)
            workers = self._client.scheduler_info(n_workers=-1)["workers"]
            self._opened = opened.pop_all()
        n_gpus = sum(bool(worker["resources"].get(_GPU)) for worker in workers.values())
        self._resources = {_GPU: 1} if n_gpus and execution.device != "cpu" else None
        gpus = f", {n_gpus} of them with a GPU" if self._resources else ""
        waiting = "" if workers else "; waiting for the first one"
        self._address = self._client.scheduler.address
        say(f"Dask at {self._address}: {len(workers)} workers{gpus}{waiting}")

    def begin(self, order: Order, part: Part) -> Any:
        """Submit one task."""
        return self._client.submit(make, order, part, pure=False, resources=self._resources)

    def finished(self, begun: Collection[Any]) -> Sequence[Any]:
        """Wait for some."""
        with self._explained():
            return list(self._dask.wait(list(begun), return_when="FIRST_COMPLETED").done)

    def result(self, name: Any) -> Made:
        """What came of a task. Raises MaskDistillError where one worker after another died of it."""
        with self._explained():
            made: Made = name.result()
        return made

    def cancel(self, begun: Collection[Any]) -> None:
        """Cancel them; what a worker has begun it ends."""
        if begun:
            with suppress(OSError):  # the scheduler is gone
                self._client.cancel(list(begun), force=True)

    def close(self) -> None:
        """End the workers that were started here, let others forget the job, and disconnect."""
        self._opened.close()

    def _forget(self) -> None:
        with suppress(OSError):
            self._client.run(forget)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except self._dask.scheduler.KilledWorker as error:
            raise MaskDistillError(
                f"{error.allowed_failures + 1} workers ended one after the other while they made the same part, most "
                "likely for want of memory; what is done stays done, and the logs of Dask say more"
            ) from error
        except self._dask.CancelledError as error:
            raise MaskDistillError(
                f"Dask's scheduler at {self._address} is gone; what is done stays done: run again"
            ) from error


@contextmanager
def _local_cluster(dask: Any, execution: ExecutionConfig) -> Iterator[Any]:
    """Processes on this machine, which only this user can reach."""
    from maskdistill.stages.training.device import usable_cores

    gpus, cores = usable_gpus(execution), usable_cores()
    count = execution.workers or len(gpus) or cores
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(max(1, cores // count)))}

    class LocalCluster(dask.LocalCluster):  # type: ignore[misc]
        def new_worker_spec(self) -> dict[Any, Any]:
            ((number, spec),) = super().new_worker_spec().items()
            return {number: {**spec, "options": {**spec["options"], "env": threads | only_gpu(number, gpus)}}}

    resources = {_GPU: 1} if gpus else None
    with LocalCluster(
        n_workers=0,
        threads_per_worker=1,
        security=True,
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
        resources=resources,
    ) as cluster:
        cluster.scale(count)
        try:
            cluster.wait_for_workers(1, timeout=_SECONDS_TO_START)
        except TimeoutError as error:
            raise MaskDistillError(
                f"execution.engine: none of {count} worker processes has started within {_SECONDS_TO_START} s. In a "
                'script of your own, the call has to stand below `if __name__ == "__main__":`'
            ) from error
        yield cluster
        # They have nothing left to do: one that takes its time to end is killed, and nobody need know.
        logging.getLogger("distributed.nanny").setLevel(logging.ERROR)


def _connect(dask: Any, where: Any, seconds: float) -> Any:
    try:
        return dask.Client(where, timeout=seconds)
    except (OSError, ValueError) as error:
        raise InputError(
            f"execution.address: {where}: no scheduler of Dask answers there within {seconds:g} s; start one with "
            "`dask scheduler`, or leave the address out for workers on this machine"
        ) from error


def _check_versions(found: Mapping[str, Any]) -> None:
    """Raise InputError where scheduler or workers cannot understand this process."""
    here = found["client"]["packages"]
    others = {"the scheduler": found["scheduler"]} | {f"the worker {name}": at for name, at in found["workers"].items()}
    for who, there in others.items():
        for package in _ALIKE:
            if there["packages"][package] != here[package]:
                raise InputError(
                    f"execution.engine: {who} has {package} {there['packages'][package]}, and this process "
                    f"{here[package]}; install the same on all machines"
                )
