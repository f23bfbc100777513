"""The method `untrained`: a ViT that has learnt nothing, to set beside a trained one that was treated alike.

It has the architecture of the trained one, sees pixels normalised as that does, and is mined with the same settings.
Where pre-training took the offset that all keys share out of the trained one, it is taken out here by the same estimate
on the same training images: left in, K K^T would be positive nearly everywhere, and what is compared would be what
became of the offset, not what was learnt.
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from maskdistill.data.atomic import write_json
from maskdistill.data.catalog import VIT, VIT_ARGUMENTS
from maskdistill.data.errors import MaskDistillError
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.failures import check_failures
from maskdistill.stages.networks.normalise import PixelStatistics
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.networks.vit_build import build_vit
from maskdistill.stages.networks.vit_weights import Architecture
from maskdistill.stages.networks.weights_file import read_description, save_weights
from maskdistill.stages.pretrain.config import PretrainConfig
from maskdistill.stages.pretrain.methods.untrained_config import UntrainedConfig
from maskdistill.stages.pretrain.train import POOL, take_out_offset
from maskdistill.stages.progress import Progress
from maskdistill.stages.registry import PRETRAINING
from maskdistill.stages.training.pool import open_pool, remove_pool

_BATCH = 32


@dataclass(frozen=True)
class Twin:
    """What an untrained ViT has in common with the trained one that it stands beside.

    Attributes:
        model: Name in timm.
        overrides: Arguments that differ from timm's.
        pixels: What pixels are normalised with; None = as timm says of the model.
        key_offset: How the offset of the keys was taken out; None = it was not.
        image_size: Side, px, of the images that the offset was estimated on.
    """

    model: str
    overrides: dict[str, int]
    pixels: PixelStatistics | None
    key_offset: float | None
    image_size: int


def write_untrained(config: PretrainConfig, inputs: StageInputs, folder: Path, progress: Progress) -> dict[str, str]:
    """Write random weights, the same for the same seed, into the file that a training leaves.

    Returns:
        Reason for each training image that could not be read, where they had to be.
    """
    twin, failures = find_twin(config), dict[str, str]()
    network = build_vit(twin.model, twin.overrides, seed=inputs.seed, section="pretrain")
    if twin.key_offset is not None:
        pool = folder / POOL
        images, failures = open_pool(inputs.source, twin.image_size, pool, progress)
        check_failures(failures, inputs.source.n_train, inputs.max_failure_rate)
        take_out_offset(network.eval(), images, twin.key_offset, _BATCH, torch.device("cpu"))
        del images
        remove_pool(pool)
    architecture = Architecture(twin.model, twin.overrides, twin.pixels)
    save_weights(folder / VIT.file, network, architecture.described())
    write_json(folder / VIT_ARGUMENTS.file, {"model": twin.model, "overrides": twin.overrides})
    return failures


def find_twin(config: PretrainConfig) -> Twin:
    """The trained ViT that settings describe. Raises InputError where its file is not usable."""
    own: UntrainedConfig = PRETRAINING.settings(config)
    if own.like is None:
        overrides = {str(name): value for name, value in config.overrides.items()}
        return Twin(config.model, overrides, None, config.key_offset, config.image_size)
    path = own.like.find({})
    if path is None:
        return Twin(config.model, {}, None, None, config.image_size)
    trained = load_vit(config.model, own.like, section="pretrain.untrained", normalise=own.normalise)
    offset, side = _folded_offset(path) or (None, config.image_size)
    return Twin(*trained.architecture, offset, side)


def _folded_offset(weights: Path) -> tuple[float, int] | None:
    """`key_offset` and `image_size` of the pre-training that made a file; None where it took no offset out."""
    try:
        config = read_description(weights)["config"]
        return None if config["key_offset"] is None else (float(config["key_offset"]), int(config["image_size"]))
    except (MaskDistillError, KeyError, TypeError, ValueError):
        return None
