"""The metrics of a training for TensorBoard, beside the JSON lines."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def has_tensorboard() -> bool:
    """Whether event files can be written."""
    return find_spec("tensorboard") is not None


def open_event_log(folder: Path, iterations_done: int) -> "EventLog":
    """Write event files into a folder; those of before a resume are hidden from `iterations_done` on."""
    tensorboard = import_module("torch.utils.tensorboard")
    return EventLog(tensorboard.SummaryWriter(folder, purge_step=iterations_done + 1))


class EventLog:
    """Hands metrics to a `SummaryWriter` of torch.utils.tensorboard."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def write(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Add the metrics of the step that was the `iteration`-th, counted from 1."""
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, iteration)

    def flush(self) -> None:
        """Hand everything to the file system."""
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()
