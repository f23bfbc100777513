"""Where the metrics of each step of a training go."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from maskdistill.data.catalog import TRAINING_LOG
from maskdistill.stages.training.event_log import has_tensorboard, open_event_log
from maskdistill.stages.training.loss_log import LossLog

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


def open_logs(workdir: Path, iterations_done: int) -> list[Log]:
    """The JSON lines `training.jsonl` and, where TensorBoard is installed, the folder `tensorboard`."""
    logs: list[Log] = [LossLog(workdir / TRAINING_LOG, iterations_done)]
    return [*logs, open_event_log(workdir / EVENTS, iterations_done)] if has_tensorboard() else logs
