"""How pre-training turns gradients into steps: AdamW, and what keeps a gradient from being too large."""

import torch
from torch import nn

from maskdistill.stages.pretrain.config import PretrainConfig


def make_optimizer(method: nn.Module, config: PretrainConfig) -> torch.optim.AdamW:
    """AdamW over what is trained; the group of the matrices, which alone decay, has `decays` set."""
    trained = [parameter for parameter in method.parameters() if parameter.requires_grad]
    matrices = [parameter for parameter in trained if parameter.ndim > 1]
    vectors = [parameter for parameter in trained if parameter.ndim <= 1]
    groups = [{"params": matrices, "decays": True}, {"params": vectors, "decays": False}]
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.adam_betas, fused=True)


def clip_gradients(method: nn.Module, config: PretrainConfig) -> None:
    """Shrink the gradients, in place, to an L2 norm of `clip_norm`: all together, or each parameter's by itself.

    DINO's published code does the latter, so that one layer's large gradient slows down no other layer.
    """
    parameters = list(method.parameters())
    for clipped in [[parameter] for parameter in parameters] if config.clips_each else [parameters]:
        nn.utils.clip_grad_norm_(clipped, config.clip_norm)
