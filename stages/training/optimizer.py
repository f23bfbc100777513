"""How a training turns gradients into steps: the optimiser, its rates, and a limit to the gradient's length."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from maskdistill.stages.training.lars import Lars
from maskdistill.stages.training.recipe import Recipe
from maskdistill.stages.training.schedules import Step, learning_rate, weight_decay


def make_optimizer(
    recipe: Recipe,
    module: nn.Module,
    *,
    loss_scaling: bool,
    rate_factors: Mapping[nn.Parameter, float] = MappingProxyType({}),
) -> torch.optim.Optimizer:
    """The optimiser over the parameters of `module` that are not frozen.

    The groups that decay have `decays` set; those of `rate_factors` have the factor of their learning rate as `factor`.
    """
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = []
    for factor in dict.fromkeys(rate_factors.get(parameter, 1.0) for parameter in learning):
        parameters = [parameter for parameter in learning if rate_factors.get(parameter, 1.0) == factor]
        groups += [{**group, **({} if factor == 1 else {"factor": factor})} for group in _groups(recipe, parameters)]
    # Fused: on a CPU, the plain AdamW takes a sixth of a small detector's step.
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.lr, betas=recipe.betas, weight_decay=recipe.weight_decay, fused=True)
    if recipe.optimizer == "lars":
        return Lars(groups, lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay)
    # Where the first step of a loss scaler overflows and is left out, the fused SGD takes its momentum from memory that
    # was never written.
    return torch.optim.SGD(
        groups, lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay, fused=not loss_scaling
    )


def set_rates(optimizer: torch.optim.Optimizer, recipe: Recipe, step: Step) -> float:
    """Set learning rates and weight decay for a step; gives the learning rate of what has no factor."""
    rate = learning_rate(recipe, step.number)
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("factor", 1.0)
        group["weight_decay"] = weight_decay(recipe, step.share) if group["decays"] else 0.0
    return rate


def _groups(recipe: Recipe, parameters: list[nn.Parameter]) -> list[dict[str, Any]]:
    """Parameters that learn at one rate, by whether they decay."""
    if not recipe.decay_matrices_only:
        return [{"params": parameters, "decays": True}]
    matrices = [parameter for parameter in parameters if parameter.ndim > 1]
    vectors = [parameter for parameter in parameters if parameter.ndim <= 1]
    return [{"params": matrices, "decays": True}, {"params": vectors, "decays": False, "weight_decay": 0.0}]


def clip_gradients(module: nn.Module, recipe: Recipe) -> None:
    """Shrink the gradients, in place, to an L2 norm of `clip_norm`: all together, or each parameter's by itself.

    DINO's published code does the latter, so that one layer's large gradient slows down no other layer.
    """
    if recipe.clip_norm is not None:
        parameters = list(module.parameters())
        for clipped in [[parameter] for parameter in parameters] if recipe.clip_each else [parameters]:
            nn.utils.clip_grad_norm_(clipped, recipe.clip_norm)
