"""The training loop shared by the detector and the segmenter.

Interrupted and resumed, it gives the same weights, bit for bit, as in one go: sample n and the random numbers of
step i depend on the seed and on n or i alone, and the checkpoint holds the rest. That holds on a CPU with the same
number of threads; on CUDA, up to the few kernels of the model that add up in no fixed order.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from data.errors import MaskDistillError
from stages.checkpoints import load_checkpoint, save_checkpoint
from stages.contract import ExecutionConfig
from stages.device import autocast
from stages.ema import Ema
from stages.loss_log import LossLog
from stages.optimizer import make_optimizer
from stages.progress import Progress
from stages.recipe import Recipe, learning_rate
from stages.samples import Sample, SampleStream, seed_step

CHECKPOINT = "training.pt"
LOG = "training.jsonl"


@dataclass(frozen=True)
class Collate:
    """Puts the ids of a batch beside its collated contents; a class, so that worker processes can receive it."""

    contents: Callable[[list[Any]], Any]

    def __call__(self, samples: Sequence[Sample]) -> tuple[list[str], Any]:
        """Image ids and batch of these samples."""
        return [image_id for image_id, _ in samples], self.contents([content for _, content in samples])


def to_device(batch: Any, device: torch.device) -> Any:
    """Move all tensors in nested lists, tuples and dicts."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {name: to_device(value, device) for name, value in batch.items()}
    if isinstance(batch, list | tuple):
        return type(batch)(to_device(value, device) for value in batch)
    return batch


class Trainer:
    """One training in one folder, from its last checkpoint to its end.

    Args:
        module: What is trained; moved to `device`.
        losses: Named losses of a batch; their sum is minimised.
        samples: The training samples.
        collate: Makes a batch from the contents of samples.
        recipe: How long and how to optimise.
        workdir: Holds `training.pt`, `training.jsonl`.
        execution: Workers and time between checkpoints.
        device: Where to train.
        progress: Told of each iteration, with its loss.
    """

    def __init__(
        self,
        module: nn.Module,
        losses: Callable[[Any], Mapping[str, Tensor]],
        samples: SampleStream,
        collate: Callable[[list[Any]], Any],
        recipe: Recipe,
        workdir: Path,
        execution: ExecutionConfig,
        device: torch.device,
        progress: Progress,
    ) -> None:
        layout = torch.channels_last if recipe.channels_last else torch.preserve_format
        self.module = module.to(device).to(memory_format=layout)
        self.losses, self.samples, self.recipe, self.workdir = losses, samples, recipe, workdir
        self.collate, self.execution, self.device, self.progress = Collate(collate), execution, device, progress
        self.optimizer = make_optimizer(recipe, self.module)
        self.ema = Ema(self.module, recipe.ema_decay) if recipe.ema_decay is not None else None
        self.identity = {**asdict(recipe), "seed": samples.seed, "training images": samples.n_items}

    def run(self) -> None:
        """Train to the end; the module then holds the final (averaged, where so configured) weights, in eval mode.

        Raises:
            MaskDistillError: A loss is not finite, or the checkpoint in the folder is of another training.
        """
        done = self._resume()
        self.progress.start("train", self.recipe.iterations, "iterations")
        if done:
            self.progress.advance(done)
        self.module.train()
        saved_at = time.monotonic()
        with LossLog(self.workdir / LOG, done) as log:
            for iteration, (ids, batch) in enumerate(self._batches(done), start=done):
                figures = self._step(iteration, ids, batch)
                log.write(iteration + 1, lr=learning_rate(self.recipe, iteration), **figures)
                last = iteration + 1 == self.recipe.iterations
                if last or time.monotonic() - saved_at >= self.execution.checkpoint_seconds:
                    log.flush()
                    self._save(iteration + 1)
                    saved_at = time.monotonic()
                self.progress.advance(1, loss=figures["loss"])
        if self.ema is not None:
            self.module.load_state_dict(self.ema.state)
        self.module.eval()

    def _batches(self, done: int) -> "DataLoader[Sample]":
        batch_size = self.recipe.batch_size
        return DataLoader(
            self.samples,
            batch_size=batch_size,
            sampler=range(done * batch_size, self.recipe.iterations * batch_size),
            num_workers=self.execution.workers,
            collate_fn=self.collate,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),
        )

    def _step(self, iteration: int, ids: list[str], batch: Any) -> dict[str, float]:
        """One optimiser step; gives the losses before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, iteration)
        seed_step(self.samples.seed, iteration)
        with autocast(self.device, self.recipe.precision):
            losses = self.losses(to_device(batch, self.device))
            loss = torch.stack([value.float() for value in losses.values()]).sum()
        figures = {"loss": loss.item(), **{name: value.item() for name, value in losses.items() if name != "loss"}}
        if not math.isfinite(figures["loss"]):
            parts = ", ".join(f"{name} {value:g}" for name, value in figures.items())
            raise MaskDistillError(
                f"the loss is not finite at iteration {iteration + 1} ({parts}), images {', '.join(ids)}; "
                "lower lr, raise warmup_iterations, or set precision to fp32"
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.module.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        if self.ema is not None:
            self.ema.update(self.module)
        return figures

    def _save(self, done: int) -> None:
        state = {"done": done, "module": self.module.state_dict(), "optimizer": self.optimizer.state_dict()}
        if self.ema is not None:
            state["ema"] = self.ema.state
        save_checkpoint(self.workdir / CHECKPOINT, self.identity, state)

    def _resume(self) -> int:
        """Load the last checkpoint, if any; gives the iterations that are done."""
        state = load_checkpoint(self.workdir / CHECKPOINT, self.identity, self.device)
        if state is None:
            return 0
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.ema is not None:
            self.ema.state = state["ema"]
        return int(state["done"])
