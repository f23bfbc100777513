"""The training loop shared by the detector and the segmenter, in one process or in several that share each batch.

Interrupted and resumed, it gives the same weights, bit for bit, as in one go: sample n and the random numbers of
step i depend on the seed and on n or i alone, and the checkpoint holds the rest. That holds on a CPU with the same
number of threads; on CUDA, up to the few kernels of the model that add up in no fixed order.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from maskdistill.data.errors import MaskDistillError
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.checkpoints import load_checkpoint, save_checkpoint
from maskdistill.stages.training.distributed import gather_ids, mean_over_processes, n_processes, rank, synchronised
from maskdistill.stages.training.ema import Ema
from maskdistill.stages.training.event_log import EventLog, has_tensorboard
from maskdistill.stages.training.loss_log import LossLog
from maskdistill.stages.training.optimizer import make_optimizer
from maskdistill.stages.training.precision import autocast, float32_products, resolve_precision
from maskdistill.stages.training.recipe import Recipe, learning_rate
from maskdistill.stages.training.samples import Sample, SampleStream, seed_step

CHECKPOINT = "training.pt"
LOG = "training.jsonl"
EVENTS = "tensorboard"


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
        workdir: Holds `training.pt`, `training.jsonl` and, where TensorBoard is installed, the folder `tensorboard`.
        execution: Workers and time between checkpoints.
        device: Where to train.
        progress: Told of each iteration, with its loss.
        phase: What progress calls the training.
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
        phase: str = "train",
    ) -> None:
        channels_last = recipe.channels_last if execution.channels_last is None else execution.channels_last
        layout = torch.channels_last if channels_last else torch.preserve_format
        self.module = module.to(device).to(memory_format=layout)
        self.losses = synchronised(self.module, losses, device)
        self.samples, self.recipe, self.workdir, self.phase = samples, recipe, workdir, phase
        self.collate, self.execution, self.device, self.progress = Collate(collate), execution, device, progress
        scaled = resolve_precision(recipe.precision, device, loss_scaling=True) == "fp16"
        self.optimizer = make_optimizer(recipe, self.module, loss_scaling=scaled)
        self.scaler = torch.amp.GradScaler(device.type, enabled=scaled)
        self.ema = Ema(self.module, recipe.ema_decay) if recipe.ema_decay is not None else None
        self.identity = {**asdict(recipe), "seed": samples.seed, "training images": samples.n_items}

    def run(self) -> None:
        """Train to the end; the module then holds the final (averaged, where so configured) weights, in eval mode.

        Raises:
            MaskDistillError: A loss is not finite, or the checkpoint in the folder is of another training.
        """
        done = self._resume()
        self.progress.start(self.phase, self.recipe.iterations, "iterations")
        if done:
            self.progress.advance(done)
        self.module.train()
        saved_at = time.monotonic()
        with ExitStack() as stack:
            stack.enter_context(float32_products(tf32=self.execution.tf32, fixed_shapes=self.recipe.fixed_shapes))
            logs = self._open_logs(done)
            for log in logs:
                stack.enter_context(log)
            for iteration, (ids, batch) in enumerate(self._batches(done), start=done):
                figures = self._step(iteration, ids, batch)
                for log in logs:
                    log.write(iteration + 1, lr=learning_rate(self.recipe, iteration), **figures)
                last = iteration + 1 == self.recipe.iterations
                if last or time.monotonic() - saved_at >= self.execution.checkpoint_seconds:
                    for log in logs:
                        log.flush()
                    self._save(iteration + 1)
                    saved_at = time.monotonic()
                self.progress.advance(1, loss=figures["loss"])
        if self.ema is not None:
            self.module.load_state_dict(self.ema.state)
        self.module.eval()

    def _open_logs(self, done: int) -> list[LossLog | EventLog]:
        if rank() != 0:
            return []
        logs: list[LossLog | EventLog] = [LossLog(self.workdir / LOG, done)]
        return [*logs, EventLog(self.workdir / EVENTS, done)] if has_tensorboard() else logs

    def _batches(self, done: int) -> "DataLoader[Sample]":
        batch_size, share = self.recipe.batch_size, n_processes()
        return DataLoader(
            self.samples,
            batch_size=batch_size // share,
            sampler=range(done * batch_size + rank(), self.recipe.iterations * batch_size, share),
            num_workers=self.execution.workers,
            collate_fn=self.collate,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),
        )

    def _step(self, iteration: int, ids: list[str], batch: Any) -> dict[str, float]:
        """One optimiser step; gives the losses before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, iteration)
        seed_step(self.samples.seed, iteration, rank())
        with autocast(self.device, self.recipe.precision, loss_scaling=True):
            losses = self.losses(to_device(batch, self.device))
            loss = torch.stack([value.float() for value in losses.values()]).sum()
        figures = self._figures(loss, losses)
        if not math.isfinite(figures["loss"]):
            self._stop(iteration, figures, ids)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if self.recipe.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.module.parameters(), self.recipe.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.ema is not None:
            self.ema.update(self.module)
        return figures

    @staticmethod
    def _figures(loss: Tensor, losses: Mapping[str, Tensor]) -> dict[str, float]:
        """The sum of the losses and each of them, as means over all processes."""
        named = {"loss": loss, **{name: value for name, value in losses.items() if name != "loss"}}
        values = mean_over_processes(torch.stack([value.detach().float() for value in named.values()]))
        return dict(zip(named, values.tolist(), strict=True))

    @staticmethod
    def _stop(iteration: int, figures: Mapping[str, float], ids: list[str]) -> NoReturn:
        parts = ", ".join(f"{name} {value:g}" for name, value in figures.items())
        raise MaskDistillError(
            f"the loss is not finite at iteration {iteration + 1} ({parts}), images {', '.join(gather_ids(ids))}; "
            "lower lr, raise warmup_iterations, or set precision to fp32"
        )

    def _save(self, done: int) -> None:
        if rank() != 0:
            return
        state = {"done": done, "module": self.module.state_dict(), "optimizer": self.optimizer.state_dict()}
        state["scaler"] = self.scaler.state_dict()
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
        # A checkpoint of other hardware has no scale to go on with where `auto` came to another precision there.
        if state["scaler"] and self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])
        if self.ema is not None:
            self.ema.state = state["ema"]
        return int(state["done"])
