"""The metrics of a training for MLflow and for Weights & Biases."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

PROJECT = "maskdistill"
"""What the experiment (MLflow) or project (Weights & Biases) is called."""
_TAG = "maskdistill.training"


def training_name(workdir: Path) -> str:
    """What a training is called: stage, key, and round where it has several."""
    return "-".join(workdir.resolve().parts[-3 if workdir.name.startswith("round") else -2 :])


def open_mlflow(workdir: Path, mlflow: Any = None) -> "MlflowLog":
    """Log to where `MLFLOW_TRACKING_URI` says, into the run of this training where it has one already."""
    return MlflowLog(mlflow or import_module("mlflow"), training_name(workdir))


def open_wandb(workdir: Path, wandb: Any = None) -> "WandbLog":
    """Log to the account that `wandb login` has set up, into the run of this training where it has one already."""
    return WandbLog(wandb or import_module("wandb"), training_name(workdir))


class MlflowLog:
    """Hands metrics to MLflow."""

    def __init__(self, mlflow: Any, name: str) -> None:
        self._mlflow = mlflow
        mlflow.set_experiment(PROJECT)
        found = mlflow.search_runs(filter_string=f"tags.`{_TAG}` = '{name}'", max_results=1, output_format="list")
        if found:
            mlflow.start_run(run_id=found[0].info.run_id)
        else:
            mlflow.start_run(run_name=name, tags={_TAG: name})

    def write(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Add the metrics of the step that was the `iteration`-th, counted from 1."""
        self._mlflow.log_metrics(dict(metrics), step=iteration, synchronous=False)

    def flush(self) -> None:
        """Wait until all is sent."""
        self._mlflow.flush_async_logging()

    def close(self) -> None:
        """End the run."""
        self.flush()
        self._mlflow.end_run()


class WandbLog:
    """Hands metrics to Weights & Biases."""

    def __init__(self, wandb: Any, name: str) -> None:
        self._run = wandb.init(project=PROJECT, id=name, name=name, resume="allow")

    def write(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Add the metrics of the step that was the `iteration`-th, counted from 1."""
        self._run.log(dict(metrics), step=iteration)

    def flush(self) -> None:
        """Nothing to do: it is sent in the background."""

    def close(self) -> None:
        """End the run."""
        self._run.finish()
