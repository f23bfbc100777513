"""The training loop of every network here, in one process or in several that share each batch.

Interrupted and resumed, it gives the same weights, bit for bit, as in one go: sample n and the random numbers of
step i depend on the seed and on n or i alone, and the checkpoint holds the rest. That holds on a CPU with the same
number of threads; on CUDA, up to the few kernels of the model that add up in no fixed order.
"""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from maskdistill.data.catalog import TRAINING_LOG
from maskdistill.data.errors import MaskDistillError
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.networks.batch_norm import explain_batch_norm, synchronise_norm
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.batches import read_batches
from maskdistill.stages.training.checkpoints import Identity, load_checkpoint, save_checkpoint
from maskdistill.stages.training.distributed import n_processes, rank
from maskdistill.stages.training.ema import frozen_copy, move_towards
from maskdistill.stages.training.exchange import average_gradients, gather_ids, mean_over_processes
from maskdistill.stages.training.fit import Fit, Losses
from maskdistill.stages.training.logs import OpenLogs, open_logs
from maskdistill.stages.training.loss_log import hash_log
from maskdistill.stages.training.optimizer import clip_gradients, make_optimizer, set_rates
from maskdistill.stages.training.precision import autocast, float32_products, resolve_precision
from maskdistill.stages.training.recipe import Recipe
from maskdistill.stages.training.samples import SampleStream, seed_step
from maskdistill.stages.training.schedules import Step

CHECKPOINT = "training.pt"


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
    ) -> None:
        channels_last = recipe.channels_last if execution.channels_last is None else execution.channels_last
        layout = torch.channels_last if channels_last else torch.preserve_format
        self.fit, self.module = fit, fit.module.to(device).to(memory_format=layout)
        if n_processes() > 1:
            synchronise_norm(self.module, device)
        self.samples, self.collate, self.recipe, self.workdir = samples, collate, recipe, workdir
        self.execution, self.device, self.progress, self.phase = execution, device, progress, phase
        self.logs, self.clock = logs or partial(open_logs, names=execution.log), clock
        scaled = resolve_precision(recipe.precision, device, loss_scaling=True) == "fp16"
        self.optimizer = make_optimizer(recipe, self.module, loss_scaling=scaled, rate_factors=fit.rate_factors)
        self.scaler = torch.amp.GradScaler(device.type, enabled=scaled)
        self.average = frozen_copy(self.module) if recipe.ema_decay is not None else None
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
            batches = read_batches(self.samples, self.collate, self.recipe, done, self.execution.workers, self.device)
            saved_at = self.clock()
            for number, (ids, batch) in enumerate(batches, start=done):
                metrics = self._update(Step(number, total), ids, batch)
                for log in logs:
                    log.write(number + 1, metrics)
                if number + 1 == total or self.clock() - saved_at >= self.execution.checkpoint_seconds:
                    for log in logs:
                        log.flush()
                    self._save(number + 1)
                    saved_at = self.clock()
                self.progress.advance(1, loss=metrics["loss"])
        if self.average is not None:
            self.module.load_state_dict(self.average.state_dict())
        self.module.eval()

    def _update(self, step: Step, ids: list[str], batch: Any) -> dict[str, float]:
        """One optimiser step; gives its learning rate, the losses before it, and what the fit has to say."""
        rate = set_rates(self.optimizer, self.recipe, step)
        seed_step(self.samples.seed, step.number, rank())
        with autocast(self.device, self.recipe.precision, loss_scaling=True), explain_batch_norm(len(ids)):
            losses = self.fit.losses(batch, step)
            loss = torch.stack([value.float() for value in losses.values()]).sum()
        metrics = _metrics(loss, losses)
        if not math.isfinite(metrics["loss"]):
            _stop(step, metrics, ids)
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
        return {"lr": rate, **metrics, **self.fit.after_update(step)}

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


def _metrics(loss: Tensor, losses: Losses) -> dict[str, float]:
    """The sum of the losses and each of them, as means over all processes."""
    named = {"loss": loss, **{name: value for name, value in losses.items() if name != "loss"}}
    values = mean_over_processes(torch.stack([value.detach().float() for value in named.values()]))
    return dict(zip(named, values.tolist(), strict=True))


def _stop(step: Step, metrics: Mapping[str, float], ids: list[str]) -> NoReturn:
    parts = ", ".join(f"{name} {value:g}" for name, value in metrics.items())
    raise MaskDistillError(
        f"the loss is not finite at iteration {step.number + 1} ({parts}), images {', '.join(gather_ids(ids))}; "
        "lower lr, raise warmup_iterations, or set precision to fp32"
    )
