"""The training loop: exact resume, readable refusals."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from maskdistill.data.errors import CorruptArtifact, MaskDistillError
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.progress import Silent
from maskdistill.stages.training.loss_log import final_losses
from maskdistill.stages.training.recipe import Recipe, learning_rate
from maskdistill.stages.training.samples import SampleStream
from maskdistill.stages.training.trainer import Trainer

CPU = torch.device("cpu")
RECIPE = Recipe(iterations=9, batch_size=2, lr=0.05, schedule="cosine", warmup_iterations=2, ema_decay=0.9, clip_norm=1)


class Stop(Exception):
    """Stands for a kill."""


class StopAt(Silent):
    def __init__(self, iteration: int) -> None:
        self.left = iteration

    def advance(self, n: int = 1, **info: float) -> None:
        self.left -= n
        if self.left == 0:
            raise Stop


class Clock:
    """Each look at it takes a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 1
        return self.now


def load(item: int):
    return f"image{item}", torch.full((4,), item / 5) + torch.rand(4)


def make_trainer(folder: Path, progress=None, *, recipe=RECIPE, seed=3, workers=0, poison=None) -> Trainer:
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))

    def losses(batch: torch.Tensor) -> dict[str, torch.Tensor]:
        error = (model(batch)[:, 0] - batch.sum(dim=1)).square().mean()
        return {"fit": error if poison is None else error / poison, "size": model[0].weight.square().mean()}

    execution = ExecutionConfig(checkpoint_seconds=3, workers=workers)
    stream = SampleStream(5, load, seed)
    return Trainer(model, losses, stream, torch.stack, recipe, folder, execution, CPU, progress or Silent())


def weights_after(folder: Path, **options) -> dict[str, torch.Tensor]:
    trainer = make_trainer(folder, **options)
    trainer.run()
    return trainer.module.state_dict()


# The loss of fp16 fits its first scale, or every step would be left out, and the optimiser would have no state.
@pytest.mark.parametrize(("precision", "poison"), [("fp32", None), ("fp16", 1e3), ("bf16", None)])
def test_killed_and_resumed_training_is_bit_identical(tmp_path, monkeypatch, precision, poison):
    monkeypatch.setattr("maskdistill.stages.training.trainer.time", Clock())
    recipe = replace(RECIPE, precision=precision)
    whole = weights_after(tmp_path / "whole", recipe=recipe, poison=poison)
    with pytest.raises(Stop):
        make_trainer(tmp_path / "killed", StopAt(5), recipe=recipe, poison=poison).run()
    log = tmp_path / "killed" / "training.jsonl"
    assert len(log.read_text().splitlines()) == 5, "the kill comes after the checkpoint at 3, or it tests nothing"
    with log.open("a") as file:
        file.write('{"iteration": 6, "lo')
    resumed = weights_after(tmp_path / "killed", recipe=recipe, poison=poison)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert log.read_text() == (tmp_path / "whole" / "training.jsonl").read_text()
    assert [json.loads(line)["iteration"] for line in log.read_text().splitlines()] == list(range(1, 10))


def test_fp16_scales_the_loss_and_takes_small_gradients_along(tmp_path):
    """A gradient of 1e-8 is 0 in fp16, and must reach the weights all the same."""
    model = nn.Linear(4, 1, bias=False)
    before = model.weight.detach().clone()
    recipe = Recipe(iterations=1, batch_size=2, lr=1e6, precision="fp16")

    def losses(batch: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"fit": 1e-8 * model(batch).float().mean()}

    stream = SampleStream(5, load, seed=3)
    Trainer(model, losses, stream, torch.stack, recipe, tmp_path, ExecutionConfig(), CPU, Silent()).run()
    assert (model.weight != before).all()


@pytest.mark.parametrize(
    ("asked", "recipe_says", "expected"), [(None, True, True), (False, True, False), (True, False, True)]
)
def test_memory_layout(tmp_path, asked, recipe_says, expected):
    model = nn.Conv2d(3, 4, 3)
    recipe = Recipe(iterations=1, batch_size=2, lr=0.1, channels_last=recipe_says)
    execution = ExecutionConfig(channels_last=asked)
    stream = SampleStream(5, load, seed=3)
    Trainer(model, lambda batch: {}, stream, torch.stack, recipe, tmp_path, execution, CPU, Silent())
    assert model.weight.is_contiguous(memory_format=torch.channels_last) == expected


def test_event_files_where_tensorboard_is_installed(tmp_path, monkeypatch):
    written = []

    class Writer:
        def __init__(self, folder: Path, purge_step: int) -> None:
            written.append((folder, purge_step))

        def add_scalar(self, name: str, value: float, iteration: int) -> None:
            written.append((name, iteration))

        def flush(self) -> None: ...

        def close(self) -> None:
            written.append("closed")

    monkeypatch.setattr("maskdistill.stages.training.trainer.has_tensorboard", lambda: True)
    monkeypatch.setattr(
        "maskdistill.stages.training.event_log.import_module", lambda name: SimpleNamespace(SummaryWriter=Writer)
    )
    make_trainer(tmp_path).run()
    assert written[0] == (tmp_path / "tensorboard", 1) and written[-1] == "closed"
    assert ("loss", 9) in written and ("lr", 1) in written
    monkeypatch.setattr("maskdistill.stages.training.trainer.has_tensorboard", lambda: False)
    make_trainer(tmp_path, recipe=RECIPE).run()


def test_workers_change_nothing(tmp_path):
    alone, helped = weights_after(tmp_path / "a"), weights_after(tmp_path / "b", workers=1)
    assert all(torch.equal(alone[name], helped[name]) for name in alone)


def test_seed_changes_weights(tmp_path):
    one, other = weights_after(tmp_path / "a"), weights_after(tmp_path / "b", seed=4)
    assert not torch.equal(one["0.weight"], other["0.weight"])


def test_finished_training_is_not_repeated_and_keeps_its_average(tmp_path):
    first = weights_after(tmp_path)
    again = weights_after(tmp_path, progress=StopAt(10))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_loss_that_is_not_finite_names_iteration_and_images(tmp_path):
    with pytest.raises(MaskDistillError, match=r"iteration 1 .*images image\d, image\d"):
        make_trainer(tmp_path, poison=0).run()


def test_foreign_checkpoint_is_refused(tmp_path):
    make_trainer(tmp_path).run()
    longer = Recipe(**{**RECIPE.__dict__, "iterations": 12})
    with pytest.raises(MaskDistillError, match="iterations is 9 there and 12 here"):
        make_trainer(tmp_path, recipe=longer).run()


def test_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / "training.pt").write_bytes(b"nonsense")
    with pytest.raises(CorruptArtifact, match=r"training\.pt"):
        make_trainer(tmp_path).run()


def test_training_lowers_the_loss(tmp_path):
    recipe = Recipe(iterations=150, batch_size=4, lr=0.02, optimizer="adamw", precision="bf16")
    make_trainer(tmp_path, recipe=recipe).run()
    first = json.loads((tmp_path / "training.jsonl").read_text().partition("\n")[0])
    assert final_losses(tmp_path / "training.jsonl")["fit"] < first["fit"] / 2


def test_every_epoch_visits_every_item_once():
    stream = SampleStream(5, load, seed=1)
    epochs = [[stream[n][0] for n in range(start, start + 5)] for start in (0, 5)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == [f"image{i}" for i in range(5)]
    assert epochs[0] != epochs[1]
    assert torch.equal(stream[3][1], stream[3][1])


def test_reading_samples_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    SampleStream(5, load, seed=1)[0]
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.25, 0.5, 1, 1, 1, 1, 1, 1]),
        ("step", [0.25, 0.5, 1, 1, 0.1, 0.1, 0.01, 0.01]),
        ("cosine", [0.25, 0.5 * 0.9619398, 0.8535534, 0.6913417, 0.5, 0.3086583, 0.1464466, 0.0380602]),
        # torch.optim.lr_scheduler.PolynomialLR(total_iters=8, power=0.9)
        ("poly", [1.0, 0.8867624, 0.7718895, 0.6550765, 0.5358867, 0.4136453, 0.2871746, 0.1538931]),
    ],
)
def test_learning_rate(schedule, expected):
    recipe = Recipe(8, 1, lr=2.0, schedule=schedule, step_at=(0.5, 0.75), warmup_iterations=0)
    rates = np.array([learning_rate(recipe, i) for i in range(8)]) / 2
    warm = Recipe(8, 1, lr=2.0, schedule=schedule, step_at=(0.5, 0.75), warmup_iterations=4)
    warmed = np.array([learning_rate(warm, i) for i in range(8)]) / 2
    factor = np.minimum(1, np.arange(1, 9) / 4)
    np.testing.assert_allclose(warmed, rates * factor, rtol=1e-6)
    np.testing.assert_allclose(rates[2:], expected[2:], rtol=1e-6)
