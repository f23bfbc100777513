"""Parts on Ray: the workers of a cluster that is there, or processes on this machine."""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Collection, Sequence
from typing import Any

from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.data.optional import import_optional
from maskdistill.pipeline.engines.order import Made, Order, make
from maskdistill.pipeline.engines.shares import usable_gpus
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.parts import Part

SECONDS_TO_CONNECT = 10
_RETRIES = 3
"""How often a part is begun anew because its worker died."""


class RayCluster:
    """The workers of Ray's head at `execution.address`; without one, `execution.workers` processes here.

    Args:
        execution: Where, and how many.
        say: Told which workers there are.
        seconds: How long to wait for the head.

    Raises:
        InputError: Ray is not installed, nobody answers, or versions differ.
    """

    def __init__(
        self, execution: ExecutionConfig, say: Callable[[str], None], seconds: float = SECONDS_TO_CONNECT
    ) -> None:
        if execution.address is None:
            _keep_others_out()
        remedy = "install it with: pip install 'maskdistill[ray]'"
        self._ray = import_optional("ray", "execution.engine: ray", remedy)
        # What a program that calls this one has opened is not this one's to close.
        self._own = not self._ray.is_initialized()
        if self._own:
            _connect(self._ray, execution, seconds)
        resources = self._ray.cluster_resources()
        n_gpus = int(resources.get("GPU", 0)) if execution.device != "cpu" else 0
        # Where there are GPUs, Ray would load the model anew for each part, to be sure of their memory: max_calls.
        asked = {"num_cpus": 1, "num_gpus": min(1, n_gpus), "max_calls": 0, "max_retries": _RETRIES}
        self._make = self._ray.remote(**asked)(make)
        workers = f"{n_gpus} workers, one for each GPU" if n_gpus else f"{int(resources.get('CPU', 0))} workers"
        say(f"Ray at {self._ray.get_runtime_context().gcs_address}: {workers}")

    def begin(self, order: Order, part: Part) -> Any:
        """Submit one task."""
        return self._make.remote(order, part)

    def finished(self, begun: Collection[Any]) -> Sequence[Any]:
        """Wait for one."""
        done, _ = self._ray.wait(list(begun), num_returns=1)
        return list(done)

    def result(self, name: Any) -> Made:
        """What came of a task. Raises MaskDistillError where one worker after another died of it."""
        try:
            made: Made = self._ray.get(name)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except self._ray.exceptions.RayError as error:
            first_line = str(error).partition("\n")[0]
            raise MaskDistillError(
                f"workers of Ray ended while they made a part, {_RETRIES + 1} times over, most likely for want of "
                f"memory ({first_line}); what is done stays done, and the logs of Ray say more"
            ) from error
        return made

    def cancel(self, begun: Collection[Any]) -> None:
        """Cancel them, and interrupt those that a worker has begun."""
        for name in begun:
            self._ray.cancel(name)

    def close(self) -> None:
        """End the processes of this run; a cluster that was there before stays."""
        if self._own:
            self._ray.shutdown()


def _keep_others_out() -> None:
    """Let nobody else on the network use what is started here; Ray reads this when it is first imported."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex())


def _connect(ray: Any, execution: ExecutionConfig, seconds: float) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quietly = {"log_to_driver": False, "logging_level": logging.ERROR}
    if execution.address is None:
        from maskdistill.stages.training.device import usable_cores

        count = execution.workers or len(usable_gpus(execution)) or usable_cores()
        ray.init("local", num_cpus=count, include_dashboard=False, **quietly)
        return
    try:
        _check_reachable(execution.address, seconds)
        ray.init(execution.address, **quietly)
    except (OSError, ValueError) as error:  # ValueError also of ports, as in host:port
        raise InputError(
            f"execution.address: {execution.address}: no cluster of Ray answers there within {seconds:g} s; start one "
            "with `ray start --head`, or leave the address out for workers on this machine"
        ) from error
    except RuntimeError as error:
        raise InputError(
            f"execution.address: {execution.address}: {error}; install the same on all machines"
        ) from error


def _check_reachable(address: str, seconds: float) -> None:
    """Raise OSError or ValueError where nobody listens: Ray itself would go on trying, and then end the process."""
    if address != "auto":
        host, _, port = address.rpartition("/")[2].rpartition(":")
        socket.create_connection((host, int(port)), seconds).close()
