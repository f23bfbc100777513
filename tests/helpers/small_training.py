"""A training of some layers that takes no time, with a checkpoint every three steps."""

from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import torch
from torch import Tensor, nn

from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.progress import Progress, Silent
from maskdistill.stages.training.fit import Fit, Losses, SimpleFit
from maskdistill.stages.training.logs import OpenLogs, open_logs
from maskdistill.stages.training.recipe import Recipe
from maskdistill.stages.training.samples import Sample, SampleStream
from maskdistill.stages.training.trainer import Trainer

CPU = torch.device("cpu")
RECIPE = Recipe(iterations=9, batch_size=2, lr=0.05, schedule="cosine", warmup_iterations=2, ema_decay=0.9, clip_norm=1)


def load(item: int) -> Sample:
    return f"image{item}", torch.full((4,), item / 5) + torch.rand(4)


def ticking() -> Callable[[], float]:
    """A clock that advances by a second at each look."""
    return partial(next, map(float, count()))


def train(
    fit: Fit,
    folder: Path,
    recipe: Recipe = RECIPE,
    progress: Progress | None = None,
    execution: ExecutionConfig | None = None,
    seed: int = 3,
    logs: OpenLogs = open_logs,
    read_every: int | None = None,
) -> Trainer:
    """Train in a folder, with a checkpoint every three steps; gives the trainer."""
    folder.mkdir(exist_ok=True)
    execution = execution or ExecutionConfig(checkpoint_seconds=3)
    trainer = Trainer(
        fit,
        SampleStream(5, load, seed),
        torch.stack,
        recipe,
        folder,
        execution,
        CPU,
        progress or Silent(),
        logs=logs,
        clock=ticking(),
        read_every=read_every,
    )
    trainer.run()
    return trainer


def make_fit(poison: float | None = None) -> Fit:
    torch.manual_seed(0)
    first = nn.Linear(4, 8)
    model = nn.Sequential(first, nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))

    def losses(batch: Tensor) -> Losses:
        error = (model(batch)[:, 0] - batch.sum(dim=1)).square().mean()
        return {"fit": error if poison is None else error / poison, "size": first.weight.square().mean()}

    return SimpleFit(model, losses)


def weights_after(
    folder: Path,
    recipe: Recipe = RECIPE,
    progress: Progress | None = None,
    execution: ExecutionConfig | None = None,
    seed: int = 3,
    poison: float | None = None,
) -> dict[str, Tensor]:
    return train(make_fit(poison), folder, recipe, progress, execution, seed).module.state_dict()
