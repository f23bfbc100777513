"""The losses of a training for TensorBoard, beside the JSON lines, where TensorBoard is installed."""

from contextlib import AbstractContextManager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any


def has_tensorboard() -> bool:
    """Whether event files can be written."""
    return find_spec("tensorboard") is not None


class EventLog(AbstractContextManager["EventLog"]):
    """Writes event files into a folder; those of before a resume are hidden from `iterations_done` on."""

    def __init__(self, folder: Path, iterations_done: int) -> None:
        tensorboard = import_module("torch.utils.tensorboard")
        self._writer: Any = tensorboard.SummaryWriter(folder, purge_step=iterations_done + 1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def write(self, iteration: int, **figures: float) -> None:
        """Add the figures of the step that was the `iteration`-th, counted from 1."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, iteration)

    def flush(self) -> None:
        """Hand everything to the file system."""
        self._writer.flush()
