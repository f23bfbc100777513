"""What a training writes of its metrics: JSON lines, and event files where TensorBoard is installed."""

import json
from pathlib import Path

import pytest

from maskdistill.data.catalog import TRAINING_LOG
from maskdistill.stages.training.event_log import EventLog, has_tensorboard
from maskdistill.stages.training.logs import EVENTS, open_logs
from maskdistill.stages.training.loss_log import LossLog, final_losses


def write_lines(path: Path, lines: list[dict[str, float]]) -> None:
    log = LossLog(path, 0)
    for number, metrics in enumerate(lines, start=1):
        log.write(number, metrics)
    log.close()


def test_a_resumed_log_has_no_gap_and_no_repetition(tmp_path: Path) -> None:
    path = tmp_path / TRAINING_LOG
    write_lines(path, [{"loss": float(number)} for number in range(5)])
    with path.open("a") as file:
        file.write('{"iteration": 6, "lo')
    log = LossLog(path, 3)
    log.write(4, {"loss": 9.0})
    log.flush()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    log.close()
    assert [(line["iteration"], line["loss"]) for line in lines] == [(1, 0.0), (2, 1.0), (3, 2.0), (4, 9.0)]


def test_final_losses_are_means_of_the_last_lines(tmp_path: Path) -> None:
    write_lines(tmp_path / TRAINING_LOG, [{"lr": 0.1, "loss": float(number)} for number in range(5)])
    assert final_losses(tmp_path / TRAINING_LOG, last=2) == {"loss": 3.5}
    write_lines(tmp_path / "empty.jsonl", [])
    assert final_losses(tmp_path / "empty.jsonl") == {}


@pytest.mark.parametrize("at", [0, 1])
def test_metrics_that_only_some_lines_have_are_left_out(at: int, tmp_path: Path) -> None:
    lines: list[dict[str, float]] = [{"loss": 1.0}, {"loss": 2.0}]
    lines[at]["rank"] = 7.0
    write_lines(tmp_path / TRAINING_LOG, lines)
    assert final_losses(tmp_path / TRAINING_LOG) == {"loss": 1.5}


class Writer:
    """Stands for a SummaryWriter."""

    def __init__(self) -> None:
        self.written: list[tuple[str, float, int] | str] = []

    def add_scalar(self, name: str, value: float, iteration: int) -> None:
        self.written.append((name, value, iteration))

    def flush(self) -> None:
        self.written.append("flushed")

    def close(self) -> None:
        self.written.append("closed")


def test_event_files_get_every_metric_under_its_name() -> None:
    writer = Writer()
    log = EventLog(writer)
    log.write(4, {"lr": 0.1, "loss": 2.0})
    log.flush()
    log.close()
    assert writer.written == [("lr", 0.1, 4), ("loss", 2.0, 4), "flushed", "closed"]


def test_event_files_are_written_where_tensorboard_is_installed(tmp_path: Path) -> None:
    logs = open_logs(tmp_path, 0)
    for log in logs:
        log.write(1, {"loss": 2.0})
        log.flush()
        log.close()
    assert json.loads((tmp_path / TRAINING_LOG).read_text()) == {"iteration": 1, "loss": 2.0}
    assert any((tmp_path / EVENTS).glob("events*")) == has_tensorboard()
