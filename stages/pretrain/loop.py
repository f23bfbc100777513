"""The training loop of pre-training: views, losses, one optimiser step, averaged weights, checkpoint.

Interrupted and resumed, it gives the same weights, bit for bit, as in one go on a CPU with the same number of threads:
images and random numbers of a step follow from seed and step, and the checkpoint holds the rest. Several processes
share each batch, and draw the views of their share with random numbers of their own.
"""

import math
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maskdistill.data.errors import MaskDistillError
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.pretrain.collapse import CollapseMonitor, assignment_entropy, effective_rank
from maskdistill.stages.pretrain.config import PretrainConfig
from maskdistill.stages.pretrain.methods.method import Method, Outcome
from maskdistill.stages.pretrain.optimizer import clip_gradients, make_optimizer
from maskdistill.stages.pretrain.parallel import average_gradients
from maskdistill.stages.pretrain.schedules import cosine, ramp, warmed_up
from maskdistill.stages.pretrain.views import multi_crop
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.checkpoints import load_checkpoint, save_checkpoint
from maskdistill.stages.training.distributed import mean_over_processes, n_processes, rank
from maskdistill.stages.training.loss_log import LossLog
from maskdistill.stages.training.pool import draw_batch
from maskdistill.stages.training.precision import autocast, float32_products
from maskdistill.stages.training.samples import seed_step
from maskdistill.stages.training.trainer import CHECKPOINT, LOG

_LOWEST_LR = 0.02
_CHECK_EVERY = 25


def normalise(images: Tensor, vit: Any) -> Tensor:
    """Images (..., 3, height, width) in 0-1 as the ViT expects them."""
    config = vit.pretrained_cfg
    mean, std = (torch.tensor(config[name], device=images.device).view(3, 1, 1) for name in ("mean", "std"))
    return (images - mean) / std


class PretrainLoop:
    """One pre-training in one folder, from its last checkpoint to its end.

    Args:
        method: What is trained, initialised; moved to `device`.
        pool: Training images, uint8 (n, 3, S, S).
        config: The settings of the stage; the number of processes divides `batch_size`.
        seed: Base of every random number.
        workdir: Holds `training.pt` and `training.jsonl`.
        execution: Time between checkpoints.
        device: Where to train.
        progress: Told of each iteration, with its loss.
    """

    def __init__(
        self,
        method: Method,
        pool: NDArray[np.uint8],
        config: PretrainConfig,
        seed: int,
        workdir: Path,
        execution: ExecutionConfig,
        device: torch.device,
        progress: Progress,
    ) -> None:
        self.method = method.to(device)
        self.pool, self.config, self.seed, self.workdir = pool, config, seed, workdir
        self.execution, self.device, self.progress = execution, device, progress
        self.optimizer = make_optimizer(method, config)
        self.monitor = CollapseMonitor()
        settings = config.model_dump(mode="json", exclude=config.unused())
        self.identity = {**settings, "seed": seed, "training images": len(pool)}

    def run(self) -> nn.Module:
        """Train to the end; gives the ViT with its averaged weights, in evaluation mode.

        Raises:
            MaskDistillError: The loss is not finite, the embeddings collapsed, or the checkpoint in the folder is of
                another training.
        """
        iterations, done = self.config.iterations, self._resume()
        self.progress.start("train", iterations, "iterations")
        self.progress.advance(done)
        self.method.train()
        saved_at = time.monotonic()
        products = float32_products(tf32=self.execution.tf32, fixed_shapes=True)
        with products, LossLog(self.workdir / LOG, done) if rank() == 0 else nullcontext() as log:
            for step in range(done, iterations):
                figures = self._step(step)
                if log is not None:
                    log.write(step + 1, **figures)
                    if step + 1 == iterations or time.monotonic() - saved_at >= self.execution.checkpoint_seconds:
                        log.flush()
                        self._save(step + 1)
                        saved_at = time.monotonic()
                self.progress.advance(1, loss=figures["loss"])
        return self.method.result()

    def _step(self, step: int) -> dict[str, float]:
        """One optimiser step; gives its figures."""
        config, share = self.config, step / self.config.iterations
        lr = config.lr * warmed_up(step, config.warmup_iterations) * cosine(share, 1, _LOWEST_LR)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
            group["weight_decay"] = cosine(share, *config.weight_decay) if group["decays"] else 0.0
        seed_step(self.seed, step, rank())
        outcome = self._look(step, share)
        loss = torch.stack([value.float() for value in outcome.losses.values()]).sum()
        figures = {**self._figures(step, loss, outcome), "lr": lr}
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        average_gradients(self.method.parameters())
        clip_gradients(self.method, config)
        self.method.before_update(share)
        self.optimizer.step()
        self.method.after_update(step, share, (step + 1) / config.iterations)
        return figures

    def _figures(self, step: int, loss: Tensor, outcome: Outcome) -> dict[str, float]:
        """The sum of the losses and each of them, as means over all processes, and at times a check for collapse."""
        named = {"loss": loss, **outcome.losses}
        values = mean_over_processes(torch.stack([value.detach().float() for value in named.values()]))
        figures = dict(zip(named, values.tolist(), strict=True))
        if not math.isfinite(figures["loss"]):
            raise MaskDistillError(
                f"the loss is not finite at iteration {step + 1}; lower pretrain.lr or set pretrain.precision to fp32"
            )
        return figures | self._check(step + 1, outcome) if (step + 1) % _CHECK_EVERY == 0 else figures

    def _look(self, step: int, share: float) -> Outcome:
        # A step's batch is cut into as many smaller ones as there are processes.
        share_number, share_size = step * n_processes() + rank(), self.config.batch_size // n_processes()
        images = draw_batch(self.pool, self.seed, share_number, share_size).to(self.device).float() / 255
        large, small = multi_crop(images, self.config.views, ramp(share, self.config.views.curriculum))
        large, small = normalise(large, self.method.result()), normalise(small, self.method.result())
        with autocast(self.device, self.config.precision):
            return self.method.losses(large, small, share)

    def _check(self, done: int, outcome: Outcome) -> dict[str, float]:
        """Stop if the embeddings have collapsed; gives the figures of the check."""
        figures = {"rank": effective_rank(outcome.embeddings)}
        if outcome.shares is not None and outcome.doubt is not None:
            entropy = assignment_entropy(outcome.shares)
            figures |= {"entropy": entropy.item(), "information": (entropy - outcome.doubt).item()}
        self.monitor.check(done, done / self.config.iterations, **figures)
        return figures

    def _save(self, done: int) -> None:
        state = {"done": done, "method": self.method.state_dict(), "optimizer": self.optimizer.state_dict()}
        state["bad_checks"] = self.monitor.bad_checks
        save_checkpoint(self.workdir / CHECKPOINT, self.identity, state)

    def _resume(self) -> int:
        """Load the last checkpoint, if any; gives the iterations that are done."""
        state = load_checkpoint(self.workdir / CHECKPOINT, self.identity, self.device)
        if state is None:
            return 0
        self.method.load_state_dict(state["method"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.monitor.bad_checks = state["bad_checks"]
        return int(state["done"])
