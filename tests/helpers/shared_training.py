"""A small training that several processes share, and that writes down what each of them has seen."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.progress import Progress, Silent
from maskdistill.stages.training.distributed import n_processes, rank, run_on_devices
from maskdistill.stages.training.exchange import gather_ids
from maskdistill.stages.training.fit import SimpleFit
from maskdistill.stages.training.recipe import Recipe
from maskdistill.stages.training.samples import Sample, SampleStream
from maskdistill.stages.training.trainer import Trainer

_CPU = torch.device("cpu")
_TWO = ExecutionConfig(device="cpu", devices=2, checkpoint_seconds=0)


@dataclass(frozen=True)
class Work:
    """A fit in `folder`; after `poison` iterations its loss is not finite, after `kill` its first process is killed."""

    folder: Path
    poison: int | None = None
    kill: int | None = None


def _load(item: int) -> Sample:
    return f"image{item}", torch.full((4,), item / 5) + torch.rand(4)


def _fit(work: Work, progress: Progress) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(4, 1))
    seen: list[torch.Tensor] = []

    def losses(batch: torch.Tensor) -> dict[str, torch.Tensor]:
        if rank() == 0 and len(seen) == work.kill:
            os.kill(os.getpid(), signal.SIGKILL)
        seen.append(batch)
        error = (model(batch)[:, 0] - batch.sum(dim=1)).square().mean()
        return {"fit": error * float("nan") if work.poison is not None and len(seen) > work.poison else error}

    recipe = Recipe(iterations=6, batch_size=4, lr=0.05, clip_norm=1)
    trainer = Trainer(
        SimpleFit(model, losses), SampleStream(5, _load, seed=3), torch.stack, recipe, work.folder, _TWO, _CPU, progress
    )
    trainer.run()
    torch.save(torch.cat(seen), work.folder / f"seen{rank()}.pt")
    torch.save(model.state_dict(), work.folder / f"model{rank()}.pt")
    assert gather_ids([f"from{rank()}"]) == [f"from{number}" for number in range(n_processes())]


def train_together(folder: Path, count: int, poison: int | None = None, kill: int | None = None) -> None:
    """Train in so many processes, which leave their weights and what they saw in `folder`."""
    folder.mkdir(exist_ok=True)
    run_on_devices(_fit, Work(folder, poison, kill), count, _TWO, Silent())
