"""The engine that a configuration names, for as long as a stage lasts."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from importlib import import_module

from maskdistill.pipeline.engines.cluster import ClusterEngine
from maskdistill.pipeline.engines.local import LocalEngine
from maskdistill.pipeline.engines.shares import usable_gpus
from maskdistill.stages.contract import EngineName, ExecutionConfig
from maskdistill.stages.parts import Engine

_CLUSTERS: Mapping[EngineName, str] = {"dask": "DaskCluster", "ray": "RayCluster"}
"""The class of each kind of cluster, in the module of its name."""


@contextmanager
def open_engine(execution: ExecutionConfig, say: Callable[[str], None]) -> Iterator[Engine]:
    """Get ready to make parts; a cluster is looked for, or started, when the first of them is to be made.

    Args:
        execution: Which engine, and how it is set.
        say: Told which workers there are.
    """
    if execution.engine == "local":
        yield LocalEngine(execution.workers, usable_gpus(execution) if execution.workers > 1 else ())
        return
    module = import_module(f"maskdistill.pipeline.engines.{execution.engine}")
    with closing(ClusterEngine(partial(getattr(module, _CLUSTERS[execution.engine]), execution, say))) as engine:
        yield engine


def made_elsewhere(engine: Engine) -> dict[str, str | None]:
    """For the manifest: the workers of a cluster that have made parts; {} where this machine did it all by itself."""
    return engine.describe() if isinstance(engine, ClusterEngine) else {}
