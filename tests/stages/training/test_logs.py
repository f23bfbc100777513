"""What a training writes of its metrics: JSON lines, and event files where TensorBoard is installed."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from maskdistill.data.catalog import TRAINING_LOG
from maskdistill.data.errors import InputError
from maskdistill.stages.training.event_log import EventLog, has_tensorboard
from maskdistill.stages.training.logs import EVENTS, OPENERS, open_logs
from maskdistill.stages.training.loss_log import LossLog, final_losses
from maskdistill.stages.training.trackers import open_mlflow, open_wandb


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


class Mlflow:
    """Stands for the package mlflow, with the runs that it knows by their tag."""

    def __init__(self, runs: dict[str, str]) -> None:
        self.runs, self.calls = runs, list[tuple[str, object]]()

    def search_runs(self, *, filter_string: str, max_results: int, output_format: str) -> list[SimpleNamespace]:
        found = [run_id for name, run_id in self.runs.items() if f"'{name}'" in filter_string]
        return [SimpleNamespace(info=SimpleNamespace(run_id=run_id)) for run_id in found[:max_results]]

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values, **named: self.calls.append((name, values or named))


@pytest.mark.parametrize(
    ("runs", "started"),
    [
        ({}, {"run_name": "segment-abc", "tags": {"maskdistill.training": "segment-abc"}}),
        ({"segment-abc": "17"}, {"run_id": "17"}),
    ],
)
def test_mlflow_goes_on_with_the_run_of_a_training(
    tmp_path: Path, runs: dict[str, str], started: dict[str, object]
) -> None:
    mlflow = Mlflow(runs)
    log = open_mlflow(tmp_path / "segment" / "abc", mlflow)
    log.write(3, {"loss": 2.0})
    log.close()
    assert ("start_run", started) in mlflow.calls
    assert mlflow.calls[-1][0] == "end_run" and mlflow.calls[-3] == ("log_metrics", ({"loss": 2.0},))


class Wandb:
    """Stands for the package wandb and for its run."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, object]] = []

    def init(self, **options: object) -> "Wandb":
        self.calls.append(("init", options))
        return self

    def log(self, metrics: dict[str, float], step: int) -> None:
        self.calls.append(("log", (metrics, step)))

    def finish(self) -> None:
        self.calls.append(("finish", None))


def test_wandb_gets_each_round_of_a_training_under_a_name_of_its_own(tmp_path: Path) -> None:
    wandb = Wandb()
    log = open_wandb(tmp_path / "segment" / "abc" / "round1", wandb)
    log.write(3, {"loss": 2.0})
    log.flush()
    log.close()
    name = "segment-abc-round1"
    options = {"project": "maskdistill", "id": name, "name": name, "resume": "allow"}
    assert wandb.calls == [("init", options), ("log", ({"loss": 2.0}, 3)), ("finish", None)]


def test_a_package_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = next((name for name in OPENERS if find_spec(name) is None), None)
    if missing is None:
        pytest.skip("all of them are installed")
    with pytest.raises(InputError, match=rf"execution\.log: the package {missing} is not installed"):
        open_logs(tmp_path, 0, [missing])
    [lines] = open_logs(tmp_path, 0, [])
    lines.close()
