"""Where the metrics of each step of a training go."""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from maskdistill.data.catalog import TRAINING_LOG
from maskdistill.data.errors import InputError
from maskdistill.stages.contract import LogName
from maskdistill.stages.training.event_log import has_tensorboard, open_event_log
from maskdistill.stages.training.loss_log import LossLog
from maskdistill.stages.training.trackers import open_mlflow, open_wandb

EVENTS = "tensorboard"


class Log(Protocol):
    """Takes the metrics of one step after the other."""

    def write(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Add the metrics of the step that was the `iteration`-th, counted from 1."""

    def flush(self) -> None:
        """Hand everything to the file system."""

    def close(self) -> None:
        """Nothing more comes."""


OpenLogs = Callable[[Path, int], list[Log]]
"""Opens the logs of the training in a folder, of which so many iterations are done."""
OPENERS: Mapping[LogName, Callable[[Path, int], Log]] = {
    "tensorboard": lambda workdir, iterations_done: open_event_log(workdir / EVENTS, iterations_done),
    "mlflow": lambda workdir, iterations_done: open_mlflow(workdir),
    "wandb": lambda workdir, iterations_done: open_wandb(workdir),
}


def open_logs(workdir: Path, iterations_done: int, names: Sequence[LogName] | None = None) -> list[Log]:
    """The JSON lines `training.jsonl`, and further ones.

    Args:
        workdir: Folder of the training.
        iterations_done: Steps that are done.
        names: What else to log to, as `execution.log` has it; None = TensorBoard where it is installed.

    Raises:
        InputError: A package is not installed.
    """
    chosen: Sequence[LogName] = (["tensorboard"] if has_tensorboard() else []) if names is None else names
    for name in chosen:
        if find_spec(name) is None:
            raise InputError(f"execution.log: the package {name} is not installed; install maskdistill[{name}]")
    lines = LossLog(workdir / TRAINING_LOG, iterations_done)
    return [lines, *(OPENERS[name](workdir, iterations_done) for name in chosen)]
