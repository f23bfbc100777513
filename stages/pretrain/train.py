"""Pre-training in one folder; what each process does where several share each batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maskdistill.data.catalog import VIT
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.networks.weights_file import save_weights
from maskdistill.stages.pretrain.config import PretrainConfig
from maskdistill.stages.pretrain.encoder import build_learner, normalise
from maskdistill.stages.pretrain.fit import PretrainFit, recipe_of
from maskdistill.stages.pretrain.initial import initialise
from maskdistill.stages.pretrain.key_offset import estimate_offset, fold_offset
from maskdistill.stages.pretrain.methods.method import PretrainMethod
from maskdistill.stages.pretrain.views import multi_crop
from maskdistill.stages.progress import Progress
from maskdistill.stages.registry import PRETRAINING
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.distributed import rank
from maskdistill.stages.training.pool import open_pool, pool_samples
from maskdistill.stages.training.samples import derive_seed
from maskdistill.stages.training.trainer import Trainer

POOL = "images.npy"
_IMAGES_TO_WHITEN = 512
_IMAGES_FOR_OFFSET = 256


@dataclass(frozen=True)
class VitTraining:
    """One training.

    Attributes:
        config: Of the stage.
        inputs: The images, the seed and the device.
        folder: Holds POOL; gets the checkpoint, the log and VIT.
    """

    config: PretrainConfig
    inputs: StageInputs
    folder: Path


def train_vit(training: VitTraining, progress: Progress) -> None:
    """Train from the last checkpoint in the folder, and write the weights."""
    config, inputs = training.config, training.inputs
    pool, failures = open_pool(inputs.source, config.image_size, training.folder / POOL, progress)
    samples = pool_samples(inputs.source, pool, failures, inputs.seed)
    device = resolve_device(inputs.execution)
    torch.manual_seed(derive_seed(inputs.seed))
    vit = build_learner(config.model, config.overrides)
    images = torch.stack([samples[n][1] for n in range(min(_IMAGES_TO_WHITEN, len(pool)))]).float() / 255
    initialise(vit, normalise(multi_crop(images, config.views, strength=1.0)[0].flatten(0, 1), vit))
    method: PretrainMethod = PRETRAINING.chosen(config).load()(vit, config)
    trainer = Trainer(
        fit=PretrainFit(method, config),
        samples=samples,
        collate=torch.stack,
        recipe=recipe_of(config),
        workdir=training.folder,
        execution=inputs.execution,
        device=device,
        progress=progress,
        identity=config.model_dump(mode="json", exclude=config.unused()),
    )
    trainer.run()
    if rank() == 0:
        trained = method.result()
        if config.key_offset is not None:
            take_out_offset(trained, pool, config.key_offset, config.batch_size, device)
        description = {"model": config.model, "overrides": config.overrides, "config": config.model_dump(mode="json")}
        save_weights(training.folder / VIT.file, trained.half(), description)


def take_out_offset(
    vit: nn.Module, pool: NDArray[np.uint8], share: float, batch_size: int, device: torch.device
) -> None:
    """Estimate the offset that the keys share from the first images of a pool, and fold it into the weights.

    Args:
        vit: A timm VisionTransformer on `device`.
        pool: uint8 (n, 3, S, S).
        share: See `estimate_offset`.
        batch_size: Images that are looked at together.
        device: Where the ViT is.
    """
    batches = _normalised(pool[:_IMAGES_FOR_OFFSET], vit, batch_size, device)
    fold_offset(vit, estimate_offset(vit, batches, share))


def _normalised(images: NDArray[np.uint8], vit: nn.Module, batch_size: int, device: torch.device) -> Iterator[Tensor]:
    for start in range(0, len(images), batch_size):
        batch = torch.from_numpy(np.array(images[start : start + batch_size]))
        yield normalise(batch.to(device).float() / 255, vit)
