"""How much of a ViT learns, and how fast: the blocks near its output, which are most about the task, the fastest."""

import re

from torch import nn

from maskdistill.data.errors import InputError
from maskdistill.stages.networks.vit import VisionBackbone
from maskdistill.stages.vit_backbone_config import Freeze


def freeze_vit(vit: VisionBackbone, freeze: Freeze, setting: str) -> None:
    """Fix a part of a ViT and let the others learn, in place.

    Args:
        vit: The ViT.
        freeze: "all"; a number N = everything before the block of index N; "none".
        setting: What the error names.

    Raises:
        InputError: The ViT has fewer blocks.
    """
    n_fixed = {"none": 0, "all": vit.n_blocks + 2}[freeze] if isinstance(freeze, str) else freeze + 1
    if isinstance(freeze, int) and freeze > vit.n_blocks:
        raise InputError(f"{setting}: {freeze} is more than the {vit.n_blocks} blocks of this model")
    for name, parameter in vit.named_parameters():
        parameter.requires_grad_(layer_of(name, vit.n_blocks) >= n_fixed)


def rate_factors(vit: VisionBackbone, decay: float) -> dict[nn.Parameter, float]:
    """What the learning rate of each parameter is multiplied by: 1 at the output, `decay` times that a layer below.

    Layer-wise decay as in BEiT (arXiv 2106.08254) and ViTDet (arXiv 2203.16527): the layers are the patch embedding
    with tokens and positions, each block, and the final norm.
    """
    return {
        parameter: decay ** (vit.n_blocks + 1 - layer_of(name, vit.n_blocks))
        for name, parameter in vit.named_parameters()
    }


def layer_of(name: str, n_blocks: int) -> int:
    """Layer of a VisionBackbone's parameter by its name: 0 = before the blocks, then each block, then what follows."""
    block = re.match(r"model\.blocks\.(\d+)\.", name)
    if block:
        return int(block[1]) + 1
    return n_blocks + 1 if name.startswith(("model.norm.", "model.fc_norm.")) else 0
