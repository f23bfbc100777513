"""Imitation in two processes on the CPU, which `execution.devices` asks for: the same as one, and exact resume."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from helpers.interruption import StopAfter
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.imitate.config import ImitateConfig
from maskdistill.stages.imitate.stage import run
from maskdistill.stages.imitate.train import StudentTraining, train_student
from maskdistill.stages.progress import Progress, Silent
from maskdistill.stages.training.distributed import run_on_devices
from maskdistill.stages.weights import STAGE_FILES, WeightsSource

pytestmark = pytest.mark.usefixtures("importable")

CONFIG = ImitateConfig(
    backbone="resnet18",
    model="vit_tiny_patch16_224",
    weights=WeightsSource.parse("random"),
    image_size=32,
    samples=16,
    batch_size=4,
    lr=1e-5,
    warmup_iterations=1,
    precision="fp32",
)


def inputs_for(source: ImageSource, devices: int) -> StageInputs:
    return StageInputs(source, {}, 3, ExecutionConfig(device="cpu", devices=devices, checkpoint_seconds=0))


def whole_images(images: Tensor, config: ImitateConfig) -> Tensor:
    """Views without chance, which each process would draw for itself."""
    return images


def read_log(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]


def test_two_processes_train_as_one(tiny_source: ImageSource, tmp_path: Path) -> None:
    """The batch is split, and batch norm is over all of it."""
    logs = []
    for count in (1, 2):
        folder = tmp_path / str(count)
        folder.mkdir()
        inputs = inputs_for(tiny_source, count)
        run_on_devices(
            train_student, StudentTraining(CONFIG, inputs, folder, whole_images), count, inputs.execution, Silent()
        )
        logs.append(read_log(folder))
    assert [line["iteration"] for line in logs[1]] == [1, 2, 3, 4]
    for alone, together in zip(*logs, strict=True):
        assert together == pytest.approx(alone, rel=1e-3)


@pytest.mark.slow
def test_two_killed_and_resumed_are_bit_identical(tiny_source: ImageSource, tmp_path: Path) -> None:
    """The whole stage, with random views, which differ between the processes."""

    def train(name: str, progress: Progress) -> Path:
        (tmp_path / name).mkdir(exist_ok=True)
        run(CONFIG, inputs_for(tiny_source, 2), tmp_path / name, progress)
        return tmp_path / name

    with pytest.raises(KeyboardInterrupt):
        train("killed", StopAfter(2, "train"))
    whole, killed = (train(name, Silent()) for name in ("whole", "killed"))
    assert read_log(whole) == read_log(killed)
    first, second = (load_file(folder / STAGE_FILES["imitate"]) for folder in (whole, killed))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_batch_that_does_not_split_is_refused(tiny_source: ImageSource, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"execution\.devices: a batch of 4 does not split over 3"):
        run(CONFIG, inputs_for(tiny_source, 3), tmp_path, Silent())
