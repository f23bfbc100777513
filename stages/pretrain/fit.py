"""How a method of pre-training learns from a batch of images: views, its losses, its averaged weights, a check."""

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from maskdistill.stages.pretrain.collapse import CollapseMonitor, assignment_entropy, effective_rank
from maskdistill.stages.pretrain.config import PretrainConfig, ViewsConfig
from maskdistill.stages.pretrain.encoder import normalise
from maskdistill.stages.pretrain.methods.method import BatchLosses, PretrainMethod
from maskdistill.stages.pretrain.views import multi_crop
from maskdistill.stages.training.fit import Fit, Losses
from maskdistill.stages.training.recipe import Recipe
from maskdistill.stages.training.schedules import Step, ramp

DrawViews = Callable[[Tensor, ViewsConfig, float], tuple[Tensor, Tensor]]
"""Large and small views of images, changed so far: see `multi_crop`."""

_LOWEST_LR = 0.02


def recipe_of(config: PretrainConfig) -> Recipe:
    """How a pre-training is optimised."""
    return Recipe(
        iterations=config.iterations,
        batch_size=config.batch_size,
        lr=config.lr,
        optimizer="adamw",
        weight_decay=config.weight_decay[0],
        last_weight_decay=config.weight_decay[1],
        decay_matrices_only=True,
        betas=config.adam_betas,
        warmup_iterations=config.warmup_iterations,
        schedule="cosine",
        lowest_lr=_LOWEST_LR,
        precision=config.precision,
        clip_norm=config.clip_norm,
        clip_each=config.clips_each,
        channels_last=False,
    )


class PretrainFit(Fit):
    """A method on random views of uint8 images (B, 3, S, S).

    Args:
        method: What is trained, initialised.
        config: The settings of the stage.
        draw_views: Makes views of images, float (B, 3, S, S) in 0-1; every process draws those of its share.
        check_every: Steps between two checks for collapse.
    """

    def __init__(
        self, method: PretrainMethod, config: PretrainConfig, draw_views: DrawViews = multi_crop, check_every: int = 25
    ) -> None:
        self.method, self.config, self.draw_views, self.check_every = method, config, draw_views, check_every
        self.monitor = CollapseMonitor()
        self.module = nn.ModuleDict({"method": method, "monitor": self.monitor})
        self._seen: BatchLosses | None = None

    def losses(self, batch: Tensor, step: Step) -> Losses:
        """The method's losses of fresh views."""
        views = self.config.views
        drawn = self.draw_views(batch.float() / 255, views, ramp(step.share, views.curriculum))
        large, small = (normalise(one, self.method.result()) for one in drawn)
        self._seen = self.method.losses(large, small, step.share)
        return self._seen.losses

    def before_update(self, step: Step) -> None:
        """What the method does to its gradients."""
        self.method.before_update(step.share)

    def after_update(self, step: Step) -> Mapping[str, float]:
        """Move the averaged weights; at times, check for collapse."""
        self.method.after_update(step.number, step.share, step.next_share)
        is_due = (step.number + 1) % self.check_every == 0
        return self._check(step, self._seen) if is_due and self._seen is not None else {}

    def _check(self, step: Step, seen: BatchLosses) -> dict[str, float]:
        """Stop if the embeddings have collapsed; gives the metrics of the check."""
        metrics = {"rank": effective_rank(seen.embeddings)}
        if seen.shares is not None and seen.doubt is not None:
            entropy = assignment_entropy(seen.shares)
            metrics |= {"entropy": entropy.item(), "information": (entropy - seen.doubt).item()}
        self.monitor.check(step.number + 1, step.next_share, **metrics)
        return metrics
