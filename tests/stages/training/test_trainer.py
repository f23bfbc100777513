"""The training loop: exact resume, hooks, readable refusals."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from helpers.interruption import StopAfter
from helpers.small_training import RECIPE, make_fit, train, weights_after
from maskdistill.data.errors import MaskDistillError
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.progress import Silent
from maskdistill.stages.training.fit import Fit, Losses, Metrics, SimpleFit
from maskdistill.stages.training.logs import Log
from maskdistill.stages.training.loss_log import final_losses
from maskdistill.stages.training.recipe import Recipe, TrainingPrecision
from maskdistill.stages.training.schedules import Step
from maskdistill.stages.training.trainer import CHECKPOINT


# The loss of fp16 fits its first scale, or every step would be left out, and the optimiser would have no state.
@pytest.mark.parametrize(("precision", "poison"), [("fp32", None), ("fp16", 1e3), ("bf16", None)])
def test_killed_and_resumed_training_is_bit_identical(
    tmp_path: Path, precision: TrainingPrecision, poison: float | None
) -> None:
    recipe = replace(RECIPE, precision=precision)
    whole = weights_after(tmp_path / "whole", recipe, poison=poison)
    with pytest.raises(KeyboardInterrupt):
        weights_after(tmp_path / "killed", recipe, StopAfter(5), poison=poison)
    log = tmp_path / "killed" / "training.jsonl"
    assert len(log.read_text().splitlines()) == 5, "the kill comes after the checkpoint at 3, or it tests nothing"
    with log.open("a") as file:
        file.write('{"iteration": 6, "lo')
    resumed = weights_after(tmp_path / "killed", recipe, poison=poison)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert log.read_text() == (tmp_path / "whole" / "training.jsonl").read_text()
    assert [json.loads(line)["iteration"] for line in log.read_text().splitlines()] == list(range(1, 10))


def test_fp16_scales_the_loss_and_takes_small_gradients_along(tmp_path: Path) -> None:
    """A gradient of 1e-8 is 0 in fp16, and must reach the weights all the same."""
    model = nn.Linear(4, 1, bias=False)
    before = model.weight.detach().clone()
    recipe = Recipe(iterations=1, batch_size=2, lr=1e6, precision="fp16")
    train(SimpleFit(model, lambda batch: {"fit": 1e-8 * model(batch).float().mean()}), tmp_path, recipe)
    assert (model.weight != before).all()


@pytest.mark.parametrize(
    ("asked", "recipe_says", "expected"), [(None, True, True), (False, True, False), (True, False, True)]
)
def test_memory_layout(tmp_path: Path, asked: bool | None, recipe_says: bool, expected: bool) -> None:
    model = nn.Conv2d(3, 4, 3)
    recipe = Recipe(iterations=1, batch_size=2, lr=0.1, channels_last=recipe_says)
    fit = SimpleFit(model, lambda batch: {"loss": model(torch.zeros(1, 3, 3, 3)).sum()})
    train(fit, tmp_path, recipe, execution=ExecutionConfig(channels_last=asked))
    assert model.weight.is_contiguous(memory_format=torch.channels_last) == expected


class CompilableFit(Fit):
    """A linear layer; `asked` counts how often it was to be compiled, which it then is with nothing but Python."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.asked = 0
        self.module = nn.Linear(4, 1)
        self.module.compile = self.compile  # type: ignore[method-assign]

    @property
    def compilable(self) -> Sequence[nn.Module]:
        return (self.module,)

    def compile(self) -> None:
        self.asked += 1
        nn.Module.compile(self.module, backend="eager")

    def losses(self, batch: Tensor, step: Step) -> Losses:
        return {"loss": self.module(batch).square().mean()}


def test_compiled_where_asked_with_the_same_weights_and_the_same_names_in_the_checkpoint(tmp_path: Path) -> None:
    found = {}
    for asked in (False, True):
        fit = CompilableFit()
        train(fit, tmp_path / str(asked), RECIPE, execution=ExecutionConfig(compile=asked))
        assert fit.asked == int(asked)
        found[asked] = fit.module.state_dict()
    assert found[True].keys() == found[False].keys() == nn.Linear(4, 1).state_dict().keys()
    assert all(torch.equal(found[True][name], value) for name, value in found[False].items())


class WatchedFit(Fit):
    """Notes what a trainer calls, in its order, and clears the gradient at the second step."""

    def __init__(self, precision: TrainingPrecision = "fp32") -> None:
        self.module = nn.Linear(4, 1, bias=False)
        nn.init.zeros_(self.module.weight)
        self.calls: list[tuple[str, int]] = []

    def losses(self, batch: Tensor, step: Step) -> Losses:
        self.calls.append(("losses", step.number))
        return {"sum": self.module(torch.full((2, 4), 3e-3)).float().mean()}

    def before_update(self, step: Step) -> None:
        # Each entry of the gradient is 3e-3, and its length 6e-3: clipped to 1e-3, each is half of that.
        torch.testing.assert_close(self.module.weight.grad, torch.full((1, 4), 5e-4), rtol=1e-3, atol=0)
        self.calls.append(("before", step.number))
        if step.number == 1:
            self.module.weight.grad = None

    def after_update(self, step: Step) -> Metrics:
        self.calls.append(("after", step.number))
        weight = self.module.weight.detach()[0, 0].clone()
        return {"weight": weight, "half": weight.item() / 2} if step.number else {}


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_hooks_are_called_around_the_update(tmp_path: Path, precision: TrainingPrecision) -> None:
    """They see gradients that are unscaled and clipped, and what they report is logged."""
    fit = WatchedFit()
    train(fit, tmp_path, Recipe(iterations=3, batch_size=2, lr=1e3, momentum=0.0, clip_norm=1e-3, precision=precision))
    assert fit.calls == [(name, number) for number in range(3) for name in ("losses", "before", "after")]
    lines = [json.loads(line) for line in (tmp_path / "training.jsonl").read_text().splitlines()]
    assert [list(line) for line in lines] == [["iteration", "lr", "loss", "sum"]] + [
        ["iteration", "lr", "loss", "sum", "weight", "half"]
    ] * 2
    # The second step has no gradient: the weight stays.
    assert [line["weight"] for line in lines[1:]] == pytest.approx([-0.5, -1.0], rel=1e-3)
    assert [line["half"] for line in lines[1:]] == [line["weight"] / 2 for line in lines[1:]]


class Recorder:
    """A log that notes what happens to it, and how much of the training was saved by then."""

    def __init__(self, folder: Path) -> None:
        self.checkpoint, self.calls = folder / "training.pt", list[str]()

    def write(self, iteration: int, metrics: Mapping[str, float]) -> None:
        assert set(metrics) == {"lr", "loss", "fit", "size"}
        self.calls.append(f"step {iteration}")

    def flush(self) -> None:
        self.calls.append(f"flush, {'resumable' if self.checkpoint.exists() else 'nothing saved'}")

    def close(self) -> None:
        self.calls.append("close")


def test_logs_are_written_out_before_each_checkpoint_and_closed(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)

    def logs(workdir: Path, done: int) -> list[Log]:
        assert (workdir, done) == (tmp_path, 0)
        return [recorder]

    train(make_fit(), tmp_path, replace(RECIPE, iterations=4), logs=logs)
    assert recorder.calls == [
        *("step 1", "step 2", "step 3", "flush, nothing saved", "step 4", "flush, resumable", "close")
    ]


def test_workers_change_nothing(tmp_path: Path) -> None:
    alone, helped = (weights_after(tmp_path / str(n), execution=ExecutionConfig(workers=n)) for n in (0, 1))
    assert all(torch.equal(alone[name], helped[name]) for name in alone)


def test_seed_changes_weights(tmp_path: Path) -> None:
    one, other = (weights_after(tmp_path / str(seed), seed=seed) for seed in (3, 4))
    assert not torch.equal(one["0.weight"], other["0.weight"])


def test_finished_training_is_not_repeated_and_keeps_its_average(tmp_path: Path) -> None:
    first = weights_after(tmp_path)
    again = weights_after(tmp_path, progress=StopAfter(10))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_loss_that_is_not_finite_names_iteration_and_images(tmp_path: Path) -> None:
    with pytest.raises(MaskDistillError, match=r"iteration 1 .*images image\d, image\d"):
        train(make_fit(poison=0.0), tmp_path)


def test_losses_that_are_read_late_are_the_same(tmp_path: Path) -> None:
    """Every fourth step, and where a checkpoint is due, here after each third."""
    at_once = train(make_fit(), tmp_path / "at once", read_every=1).module.state_dict()
    late = train(make_fit(), tmp_path / "late", read_every=4).module.state_dict()
    assert all(torch.equal(at_once[name], late[name]) for name in at_once)
    logs = [(tmp_path / name / "training.jsonl").read_text() for name in ("at once", "late")]
    assert logs[0] == logs[1] and len(logs[0].splitlines()) == RECIPE.iterations


def test_a_loss_that_is_read_late_and_not_finite_is_in_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(MaskDistillError, match=r"iteration 1 .*images image\d, image\d"):
        train(make_fit(poison=0.0), tmp_path, read_every=100)
    assert not (tmp_path / CHECKPOINT).exists()


@pytest.mark.parametrize("profile", [True, False])
def test_profile_says_how_long_batches_took(tmp_path: Path, profile: bool) -> None:
    said = Listening()
    train(make_fit(), tmp_path, progress=said, execution=ExecutionConfig(checkpoint_seconds=3, profile=profile))
    assert [line for line in said.lines if "waiting for batches" in line] == (said.lines[-1:] if profile else [])


class Listening(Silent):
    """Remembers what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    train(make_fit(), tmp_path)
    longer = Recipe(**{**asdict(RECIPE), "iterations": 12})
    with pytest.raises(MaskDistillError, match="iterations is 9 there and 12 here"):
        train(make_fit(), tmp_path, longer)


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    recipe = Recipe(iterations=150, batch_size=4, lr=0.02, optimizer="adamw", precision="bf16")
    train(make_fit(), tmp_path, recipe)
    first = json.loads((tmp_path / "training.jsonl").read_text().partition("\n")[0])
    assert final_losses(tmp_path / "training.jsonl")["fit"] < first["fit"] / 2
