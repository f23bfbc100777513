"""How a training turns gradients into steps: the optimiser, its rates, and a limit to the gradient's length."""

from typing import Any

import torch
from torch import nn

from maskdistill.stages.training.recipe import Recipe
from maskdistill.stages.training.schedules import Step, learning_rate, weight_decay


def make_optimizer(recipe: Recipe, module: nn.Module, *, loss_scaling: bool) -> torch.optim.Optimizer:
    """The optimiser over the parameters of `module` that are not frozen; the groups that decay have `decays` set."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [{"params": parameters, "decays": True}]
    if recipe.decay_matrices_only:
        matrices = [parameter for parameter in parameters if parameter.ndim > 1]
        vectors = [parameter for parameter in parameters if parameter.ndim <= 1]
        groups = [
            {"params": matrices, "decays": True},
            {"params": vectors, "decays": False, "weight_decay": 0.0},
        ]
    # Fused: on a CPU, the plain AdamW takes a sixth of a small detector's step.
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.lr, betas=recipe.betas, weight_decay=recipe.weight_decay, fused=True)
    # Where the first step of a loss scaler overflows and is left out, the fused SGD takes its momentum from memory that
    # was never written.
    return torch.optim.SGD(
        groups, lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay, fused=not loss_scaling
    )


def set_rates(optimizer: torch.optim.Optimizer, recipe: Recipe, step: Step) -> float:
    """Set learning rate and weight decay for a step; gives the learning rate."""
    rate = learning_rate(recipe, step.number)
    for group in optimizer.param_groups:
        group["lr"] = rate
        group["weight_decay"] = weight_decay(recipe, step.share) if group["decays"] else 0.0
    return rate


def clip_gradients(module: nn.Module, recipe: Recipe) -> None:
    """Shrink the gradients, in place, to an L2 norm of `clip_norm`: all together, or each parameter's by itself.

    DINO's published code does the latter, so that one layer's large gradient slows down no other layer.
    """
    if recipe.clip_norm is not None:
        parameters = list(module.parameters())
        for clipped in [[parameter] for parameter in parameters] if recipe.clip_each else [parameters]:
            nn.utils.clip_grad_norm_(clipped, recipe.clip_norm)
