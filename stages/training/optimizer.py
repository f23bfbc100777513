"""The optimiser of a training."""

import torch
from torch import nn

from maskdistill.stages.training.recipe import Recipe


def make_optimizer(recipe: Recipe, module: nn.Module, *, loss_scaling: bool) -> torch.optim.Optimizer:
    """The optimiser over the parameters of `module` that are not frozen."""
    # Fused: on a CPU, the plain AdamW takes a sixth of a small detector's step.
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)
    # Where the first step of a loss scaler overflows and is left out, the fused SGD takes its momentum from memory that
    # was never written.
    return torch.optim.SGD(
        parameters, lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay, fused=not loss_scaling
    )
