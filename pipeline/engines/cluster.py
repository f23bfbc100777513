"""The parts of a stage on a cluster: what Dask and Ray have in common."""

from collections import Counter
from collections.abc import Callable, Collection, Generator, Sequence
from itertools import islice
from typing import Any, Protocol

from maskdistill.data.errors import MaskDistillError
from maskdistill.pipeline.engines.order import SECONDS_TO_APPEAR, Made, Order, appears, placed
from maskdistill.stages.parts import Advance, InThisProcess, Part, PartJob, PartReport

AT_ONCE = 1000
"""Parts that a cluster knows of at a time, as a scheduler slows down with many thousands."""


class Cluster(Protocol):
    """Worker processes, here or on other machines, that make parts; a worker that dies has its part made by another."""

    def begin(self, order: Order, part: Part) -> Any:
        """Have a worker `make` a part; gives a name for that, which can be hashed."""

    def finished(self, begun: Collection[Any]) -> Sequence[Any]:
        """Wait until some of these are done; gives those."""

    def result(self, name: Any) -> Made:
        """What came of one that is done; raises what it raised."""

    def cancel(self, begun: Collection[Any]) -> None:
        """Let no further one of these begin."""

    def close(self) -> None:
        """Let go of the workers; those that were started for this run end."""


class ClusterEngine:
    """Makes parts on a cluster, which is opened with the first of them.

    Args:
        open_cluster: Finds or starts the workers.
        seconds: How long to wait for a part to be seen here, once a worker has made it.
    """

    def __init__(self, open_cluster: Callable[[], Cluster], seconds: float = SECONDS_TO_APPEAR) -> None:
        self._open, self._seconds = open_cluster, seconds
        self._cluster: Cluster | None = None
        self._processes: set[tuple[str, int]] = set()

    def __reduce__(self) -> tuple[type[InThisProcess], tuple[()]]:
        """Jobs carry their engine along; a worker is no place to open a cluster from."""
        return InThisProcess, ()

    def run(self, job: PartJob, parts: Sequence[Part], advance: Advance) -> Generator[PartReport, None, None]:
        """Make all parts, as each gets done. What the first failing part raised is raised; no further one is begun."""
        if not parts:
            return
        cluster = self._cluster = self._cluster or self._open()
        with placed(job, parts[0].folder.parent) as order:
            waiting, begun = iter(parts), dict[Any, Part]()
            try:
                while True:
                    for part in islice(waiting, AT_ONCE - len(begun)):
                        begun[cluster.begin(order, part)] = part
                    if not begun:
                        return
                    for name in cluster.finished(begun):
                        yield self._seen(begun.pop(name), cluster.result(name), advance)
            finally:
                cluster.cancel(begun)

    def _seen(self, part: Part, made: Made, advance: Advance) -> PartReport:
        """The report of a part, once it is visible on this machine too."""
        if not appears(part.folder, self._seconds):
            raise MaskDistillError(
                f"{part.folder}: made on {made.machine}, and not seen here after {self._seconds:g} s; artifacts have "
                "to lie on a file system that all machines share"
            )
        self._processes.add((made.machine, made.process))
        advance(made.report.items)
        return made.report

    def describe(self) -> dict[str, str | None]:
        """On which machines parts were made, each with its number of processes; {} without any."""
        machines = sorted(Counter(machine for machine, _ in self._processes).items())
        return {"workers": "; ".join(f"{count} on {machine}" for machine, count in machines)} if machines else {}

    def close(self) -> None:
        """Let go of the cluster."""
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None
