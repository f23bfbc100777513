"""A ViT that has learnt nothing, to set beside a trained one that was treated alike.

It has the architecture of the trained one, sees pixels normalised as that does, and is mined with the same settings,
`center_keys` among them. Where pre-training took the offset that all keys share out of the trained one, it is taken out
here by the same estimate on the same training images: left in, K K^T would be positive nearly everywhere, and the
baseline would measure what became of the offset, not what was learnt.
"""

import tempfile
from pathlib import Path

import torch
from torch import nn

from maskdistill.data.errors import MaskDistillError
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.networks.vit import find_weights, load_vit
from maskdistill.stages.networks.vit_build import build_vit
from maskdistill.stages.networks.vit_weights import Architecture, read_architecture
from maskdistill.stages.networks.weights_file import read_description, save_weights
from maskdistill.stages.pretrain.train import POOL, take_out_offset
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.pool import open_pool

_BATCH = 32


def write_random_vit(mine: MineConfig, inputs: StageInputs, path: Path, progress: Progress) -> None:
    """Write an untrained ViT to stand for the one of `mine`.

    Args:
        mine: Settings of the mining stage.
        inputs: The images, the seed of the weights, and the artifact of `pretrain` where `mine` uses it.
        path: The file to write.
        progress: Told about every image that the offset is estimated from.
    """
    weights = find_weights(mine.weights, inputs.artifacts)
    is_file = weights not in ("pretrained", "random")
    model, overrides, _ = (read_architecture(Path(weights)) if is_file else None) or Architecture(mine.model, {})
    trained = load_vit(mine.model, weights, inputs.seed, section="mine", normalise=mine.normalise)
    network = build_vit(model, overrides, seed=inputs.seed)
    offset = _folded_offset(Path(weights)) if is_file else None
    if offset is not None:
        _take_out(network, *offset, inputs, progress)
    pixels = {"mean": trained.mean, "std": trained.std}
    save_weights(path, network, {"model": model, "overrides": overrides, "pixels": pixels})


def _folded_offset(weights: Path) -> tuple[float, int] | None:
    """`key_offset` and `image_size` of the pre-training that made a file; None where it took no offset out."""
    try:
        config = read_description(weights)["config"]
        return None if config["key_offset"] is None else (float(config["key_offset"]), int(config["image_size"]))
    except (MaskDistillError, KeyError, TypeError, ValueError):
        return None


def _take_out(network: nn.Module, share: float, side: int, inputs: StageInputs, progress: Progress) -> None:
    with tempfile.TemporaryDirectory() as folder:
        images, _ = open_pool(inputs.source, side, Path(folder) / POOL, progress)
        take_out_offset(network.eval(), images, share, _BATCH, torch.device("cpu"))
