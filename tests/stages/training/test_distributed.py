"""Training in two processes on the CPU: who does what, exact resume, errors."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.paths import ROOT
from helpers.shared_training import train_together
from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.training.distributed import count_devices, split_batch

pytestmark = pytest.mark.usefixtures("importable")


@pytest.fixture(scope="module")
def two(importable: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a training in two processes leaves."""
    folder = tmp_path_factory.mktemp("two")
    train_together(folder, 2)
    return folder


def read(folder: Path, name: str) -> Any:
    return torch.load(folder / name, weights_only=True)


def test_two_processes_share_each_batch_and_come_to_the_same_weights(two: Path, tmp_path: Path) -> None:
    train_together(tmp_path, 1)
    whole = read(tmp_path, "seen0.pt").view(6, 2, 2, 4)
    for number in (0, 1):
        assert torch.equal(read(two, f"seen{number}.pt").view(6, 2, 4), whole[:, :, number])
    alone = read(tmp_path, "model0.pt")
    first, second = (read(two, f"model{number}.pt") for number in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    # The mean of the halves' means is the mean of the whole.
    for name in alone:
        torch.testing.assert_close(first[name], alone[name])
    logs = [
        [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]
        for folder in (tmp_path, two)
    ]
    assert [line["iteration"] for line in logs[1]] == list(range(1, 7))
    assert [line["fit"] for line in logs[1]] == pytest.approx([line["fit"] for line in logs[0]], rel=1e-5)


def test_two_killed_and_resumed_are_bit_identical(two: Path, tmp_path: Path) -> None:
    with pytest.raises(MaskDistillError, match="a training process failed"):
        train_together(tmp_path, 2, kill=3)
    assert not (tmp_path / "model0.pt").exists()
    train_together(tmp_path, 2)
    for name in ("training.jsonl", "model0.pt"):
        assert (two / name).read_bytes() == (tmp_path / name).read_bytes()


def test_errors_come_through_with_the_images_of_all_processes(tmp_path: Path) -> None:
    with pytest.raises(MaskDistillError, match=r"iteration 3 .*images image\d, image\d, image\d, image\d;"):
        train_together(tmp_path, 2, poison=2)


def test_processes_of_torchrun_come_to_the_same(two: Path, tmp_path: Path) -> None:
    """They find each other over loopback, as those of several machines do over a network."""
    script = ROOT / "tests" / "helpers" / "torchrun_script.py"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    subprocess.run([*command, str(script), str(tmp_path)], env=environment, check=True, timeout=300)
    for folder in (tmp_path / "first", tmp_path / "second"):
        for name in ("training.jsonl", "model0.pt", "seen0.pt", "seen1.pt"):
            assert (two / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize(
    ("devices", "batch_size", "fewest", "expected"),
    [(None, 8, 1, 1), (1, 7, 1, 1), (2, 8, 1, 2), (3, 6, 2, 3), (3, 8, 1, "1, 2, 4, 8"), (4, 8, 4, "1, 2,")],
)
def test_a_batch_splits_evenly_or_not_at_all(
    devices: int | None, batch_size: int, fewest: int, expected: int | str
) -> None:
    execution = ExecutionConfig(device="cpu", devices=devices)
    if isinstance(expected, int):
        assert count_devices(execution, batch_size, fewest) == expected
    else:
        with pytest.raises(InputError, match=rf"execution\.devices: a batch of {batch_size} .*use one of {expected}"):
            count_devices(execution, batch_size, fewest)


def test_all_gpus_that_divide_the_batch() -> None:
    assert split_batch(None, 6, batch_size=16) == 4
    assert split_batch(None, 6, batch_size=16, fewest=8) == 2
    assert split_batch(6, 6, batch_size=12) == 6
    with pytest.raises(InputError, match="there are 6 GPUs"):
        split_batch(8, 6, batch_size=16)
