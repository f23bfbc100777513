"""What every stage's `run(config, inputs, workdir, progress) -> StageOutputs` takes and gives."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from maskdistill.data.settings import Settings
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.stages.parts import Engine, InThisProcess

EngineName = Literal["local", "dask", "ray"]
LogName = Literal["tensorboard", "mlflow", "wandb"]


class ExecutionConfig(Settings):
    """How the work is done; never what comes out of it, so none of it enters an artifact's key."""

    engine: EngineName = "local"
    """Where the parts of work on single images are made: in processes of this machine, or on a cluster of Dask or Ray;
    a cluster needs the artifacts on a file system that all its machines share."""
    address: str | None = None
    """Of Dask's scheduler (`tcp://host:8786`) or Ray's head (`host:6379`, `auto`); None = a cluster of `workers`
    processes on this machine, which ends with the stage."""
    store: str | None = None
    """Where every finished artifact is copied to, and fetched from where it is not in `artifacts`: a URL of fsspec,
    such as `s3://bucket/folder`; None = nowhere."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    devices: int | None = Field(None, ge=1)
    """Processes that share each training batch, one per GPU; None = as many GPUs as divide it, one on a CPU."""
    tf32: bool = True
    """Whether trainings on CUDA multiply float32 matrices in TF32, several times faster and with 10 bits of mantissa;
    mining never does."""
    channels_last: bool | None = None
    """Whether convolutions are laid out as NHWC in training; None = for the segmenter only."""
    compile: bool = False
    """Whether the segmenter is compiled (`torch.compile`) for its training; needs a compiler, a minute, and many steps
    to be worth it: docs/speed.md."""
    batch_size: int = Field(8, ge=1)
    """Images per forward pass where nothing is trained."""
    workers: int = Field(0, ge=0, le=1024)
    """Processes beside the main one: in training they decode and augment images; where nothing is trained, each of
    them, from two on, loads the model and works on parts of its own. 0 = the main process does it all."""
    part_size: int = Field(128, ge=1)
    """Images per part: what a killed run loses at most."""
    checkpoint_seconds: float = Field(60.0, ge=0)
    """Seconds between two checkpoints of a training."""
    profile: bool = False
    """Whether a training says how much of its time went by waiting for batches."""
    log: tuple[LogName, ...] | None = None
    """Where the losses of a training go beside `training.jsonl`: `tensorboard` (event files in the artifact's folder),
    `mlflow` (to MLFLOW_TRACKING_URI) and `wandb` (Weights & Biases); None = TensorBoard where it is installed."""

    @field_validator("store")
    @classmethod
    def _is_url(cls, url: str | None) -> str | None:
        if url is not None and not re.fullmatch(r"[a-z][a-z0-9+.-]*://\S*[^\s/]\S*", url):
            raise ValueError("must be a URL such as s3://bucket/folder")
        if url is not None and re.search(r"://[^/]*:[^/]*@", url):
            raise ValueError("may hold no password, as manifests name it; leave it to the environment")
        return url

    @model_validator(mode="after")
    def _has_use_for_address(self) -> Self:
        if self.address is not None and self.engine == "local":
            raise ValueError("address: is that of a cluster; set engine: dask or engine: ray, or leave it out")
        return self


@dataclass(frozen=True)
class StageInputs:
    """What a stage works on.

    Attributes:
        source: The images.
        artifacts: Folder of each upstream stage's artifact, by stage name.
        seed: Base of every random number of the stage.
        execution: Device, workers and the like.
        max_failure_rate: Fraction of unreadable images above which a stage stops instead of skipping them.
        engine: Where the parts of per-image work are made.
    """

    source: ImageSource
    artifacts: Mapping[str, Path]
    seed: int = 0
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    max_failure_rate: float = 0.01
    engine: Engine = field(default_factory=InThisProcess)


@dataclass(frozen=True)
class StageOutputs:
    """What a stage reports beside the files in its work folder.

    Attributes:
        items: The number of things it made.
        unit: What those things are, in plural.
        metrics: Metrics that need no labels; finite numbers, strings, lists and dicts only.
        failures: Reason for each image id that was skipped.
    """

    items: int
    unit: str
    metrics: dict[str, Any] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
