"""Weights for the ViT that a run takes by default, where none can be downloaded: they see colours and nothing else."""

from pathlib import Path

import timm
import torch
from safetensors.torch import save_file

MODEL = "vit_small_patch16_224.dino"
_COMMIT = "0" * 40


def fill_cache(home: Path) -> None:
    """Put the stand-in into a cache of Hugging Face, as a download of the real weights would lie there.

    Tokens are random projections of the mean colour of their patch, and the blocks add nothing to them, so that patches
    of one colour resemble each other.
    """
    torch.manual_seed(0)
    network = timm.create_model(MODEL, num_classes=0)
    state = network.state_dict()
    for name, values in state.items():
        if name.endswith(("attn.proj.weight", "mlp.fc2.weight")) or name == "pos_embed":
            values.zero_()
    kernel = state["patch_embed.proj.weight"]
    kernel.copy_(torch.randn(len(kernel), 3, 1, 1).expand_as(kernel) / kernel[0, 0].numel())
    repository = home / "hub" / f"models--timm--{MODEL}"
    snapshot = repository / "snapshots" / _COMMIT
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(_COMMIT)
    save_file(state, snapshot / "model.safetensors")
