"""A ViT of two blocks for 32 px, as pre-training starts from it."""

from pathlib import Path
from typing import Any

import torch

from maskdistill.stages.networks.weights_file import save_weights
from maskdistill.stages.pretrain.encoder import build_learner
from maskdistill.stages.pretrain.initial import initialise

MODEL = "vit_tiny_patch16_224"
OVERRIDES = {"img_size": 32, "patch_size": 8, "depth": 2, "embed_dim": 24, "num_heads": 3}


def make_small_vit(seed: int = 0, contrast: float = 1.0) -> Any:
    """Initialised, with a class token and a key bias that are not zero, in evaluation mode.

    The higher the contrast, the more its tokens say of what a patch shows, and the less of where it lies.
    """
    torch.manual_seed(seed)
    vit: Any = build_learner(MODEL, OVERRIDES)
    initialise(vit, torch.randn(8, 3, 32, 32))
    torch.nn.init.normal_(vit.cls_token)
    torch.nn.init.normal_(vit.blocks[-1].attn.qkv.bias)
    with torch.no_grad():
        vit.patch_embed.proj.weight.mul_(contrast)
    return vit.eval()


def save_small_vit(path: Path, seed: int = 0, contrast: float = 1.0) -> Path:
    """Write it as the pretrain stage does; gives the path."""
    save_weights(path, make_small_vit(seed, contrast), {"model": MODEL, "overrides": OVERRIDES})
    return path
