"""The training loop of every network here, in one process or in several that share each batch.

Interrupted and resumed, it gives the same weights, bit for bit, as in one go: sample n and the random numbers of
step i depend on the seed and on n or i alone, and the checkpoint holds the rest. That holds on a CPU with the same
number of threads; on CUDA, up to the few kernels of the model that add up in no fixed order.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from maskdistill.data.catalog import TRAINING_LOG
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.networks.batch_norm import explain_batch_norm, synchronise_norm
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.batches import Waited, read_batches
from maskdistill.stages.training.checkpoints import Identity, load_checkpoint, save_checkpoint
from maskdistill.stages.training.distributed import n_processes, rank
from maskdistill.stages.training.ema import frozen_copy, move_towards
from maskdistill.stages.training.exchange import average_gradients
from maskdistill.stages.training.fit import Fit, Metrics
from maskdistill.stages.training.logs import Log, OpenLogs, open_logs
from maskdistill.stages.training.loss_log import hash_log
from maskdistill.stages.training.optimizer import clip_gradients, make_optimizer, set_rates
from maskdistill.stages.training.precision import autocast, float32_products, resolve_precision
from maskdistill.stages.training.recipe import Recipe
from maskdistill.stages.training.samples import SampleStream, seed_step
from maskdistill.stages.training.schedules import Step
from maskdistill.stages.training.step_losses import READ_EVERY, StepLosses

CHECKPOINT = "training.pt"

Taken = tuple[StepLosses, float, Metrics]
"""What is known of a step that was taken: its losses, its learning rate, and what the fit has to say."""


class Trainer:
    """One training in one folder, from its last checkpoint to its end.

    Args:
        fit: What is trained, and how; its module is moved to `device`.
        samples: The training samples.
        collate: Makes a batch from the contents of samples.
        recipe: How long and how to optimise.
        workdir: Holds `training.pt`, and what `open_logs` writes.
        execution: Workers and time between checkpoints.
        device: Where to train.
        progress: Told of each iteration, with its loss.
        phase: What progress calls the training.
        identity: What the training is beside recipe, seed and number of images; a checkpoint fits where all agree.
        logs: Opens the logs of a folder; None = those that `execution.log` names.
        clock: Seconds, from any start.
        read_every: Steps whose losses are read together; None = 1 on a CPU, and on a GPU as many as spare it waiting.
    """

    def __init__(
        self,
        fit: Fit,
        samples: SampleStream,
        collate: Callable[[list[Any]], Any],
        recipe: Recipe,
        workdir: Path,
        execution: ExecutionConfig,
        device: torch.device,
        progress: Progress,
        phase: str = "train",
        identity: Identity | None = None,
        logs: OpenLogs | None = None,
        clock: Callable[[], float] = time.monotonic,
        read_every: int | None = None,
    ) -> None:
        channels_last = recipe.channels_last if execution.channels_last is None else execution.channels_last
        layout = torch.channels_last if channels_last else torch.preserve_format
        self.fit, self.module = fit, fit.module.to(device).to(memory_format=layout)
        if n_processes() > 1:
            synchronise_norm(self.module, device)
        self.samples, self.collate, self.recipe, self.workdir = samples, collate, recipe, workdir
        self.execution, self.device, self.progress, self.phase = execution, device, progress, phase
        self.logs, self.clock = logs or partial(open_logs, names=execution.log), clock
        self.read_every = read_every or (1 if device.type == "cpu" else READ_EVERY)
        scaled = resolve_precision(recipe.precision, device, loss_scaling=True) == "fp16"
        self.optimizer = make_optimizer(recipe, self.module, loss_scaling=scaled, rate_factors=fit.rate_factors)
        self.scaler = torch.amp.GradScaler(device.type, enabled=scaled)
        self.average = frozen_copy(self.module) if recipe.ema_decay is not None else None
        if execution.compile:  # after the copy, which would take the compiled code along
            for part in fit.compilable:
                part.compile()
        images = {"seed": samples.seed, "training images": samples.n_items}
        self.identity = {**asdict(recipe), **(identity or {}), **images}

    def run(self) -> None:
        """Train to the end; the module then holds the final (averaged, where so configured) weights, in eval mode.

        Raises:
            MaskDistillError: A loss is not finite, or the checkpoint in the folder is of another training.
        """
        done, total = self._resume(), self.recipe.iterations
        self.progress.start(self.phase, total, "iterations")
        if done:
            self.progress.advance(done)
        self.module.train()
        with ExitStack() as stack:
            stack.enter_context(float32_products(tf32=self.execution.tf32, fixed_shapes=self.recipe.fixed_shapes))
            opened = self.logs(self.workdir, done) if rank() == 0 else []
            logs = [stack.enter_context(closing(log)) for log in opened]
            loaded = read_batches(self.samples, self.collate, self.recipe, done, self.execution.workers, self.device)
            batches = Waited(loaded)
            unread: list[Taken] = []
            saved_at = self.clock()
            for number, (ids, batch) in enumerate(batches, start=done):
                unread.append(self._update(Step(number, total), ids, batch))
                saves = number + 1 == total or self.clock() - saved_at >= self.execution.checkpoint_seconds
                found = self._log(unread, logs) if saves or len(unread) >= self.read_every else []
                if saves:
                    for log in logs:
                        log.flush()
                    self._save(number + 1)
                    saved_at = self.clock()
                for loss_value in found:
                    self.progress.advance(1, loss=loss_value)
            if self.execution.profile:
                self.progress.say(f"{self.phase}: {batches.share:.1%} of the time went by waiting for batches")
        if self.average is not None:
            self.module.load_state_dict(self.average.state_dict())
        self.module.eval()

    def _update(self, step: Step, ids: list[str], batch: Any) -> Taken:
        """One optimiser step; gives its losses before it, its learning rate, and what the fit has to say."""
        rate = set_rates(self.optimizer, self.recipe, step)
        seed_step(self.samples.seed, step.number, rank())
        with autocast(self.device, self.recipe.precision, loss_scaling=True), explain_batch_norm(len(ids)):
            losses = self.fit.losses(batch, step)
            loss = torch.stack([value.float() for value in losses.values()]).sum()
        found = StepLosses(step, ids, loss, losses)
        if self.read_every == 1:  # before anything is made of a loss that is not finite
            found.read()
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        average_gradients(self.module.parameters())
        self.scaler.unscale_(self.optimizer)
        clip_gradients(self.module, self.recipe)
        self.fit.before_update(step)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None and self.recipe.ema_decay is not None:
            move_towards(self.average, self.module, self.recipe.ema_decay)
        return found, rate, self.fit.after_update(step)

    def _log(self, unread: list[Taken], logs: list[Log]) -> list[float]:
        """Read the losses of some steps and log them; gives their sums, and empties the list."""
        found = [
            {"lr": rate, **losses.read(), **{name: float(value) for name, value in more.items()}}
            for losses, rate, more in unread
        ]
        for (losses, _, _), metrics in zip(unread, found, strict=True):
            for log in logs:
                log.write(losses.step.number + 1, metrics)
        unread.clear()
        return [metrics["loss"] for metrics in found]

    def _save(self, done: int) -> None:
        if rank() != 0:
            return
        state = {"done": done, "module": self.module.state_dict(), "optimizer": self.optimizer.state_dict()}
        state["scaler"] = self.scaler.state_dict()
        state["log"] = hash_log(self.workdir / TRAINING_LOG)
        if self.average is not None:
            state["average"] = self.average.state_dict()
        save_checkpoint(self.workdir / CHECKPOINT, self.identity, state)

    def _resume(self) -> int:
        """Load the last checkpoint, if any; gives the iterations that are done."""
        state = load_checkpoint(self.workdir / CHECKPOINT, self.identity, self.device, self.progress.say)
        if state is None:
            return 0
        if state.get("log") not in (None, hash_log(self.workdir / TRAINING_LOG, state["done"])):
            self.progress.say(f"{self.workdir / TRAINING_LOG} is damaged; the training starts anew")
            return 0
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        # A checkpoint of other hardware has no scale to go on with where `auto` came to another precision there.
        if state["scaler"] and self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        return int(state["done"])
