"""Stage zero: a Vision Transformer trained on the training images alone. Writes `vit.safetensors` and `vit.json`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from data.atomic import write_json
from stages.contract import StageInputs, StageOutputs
from stages.device import resolve_device
from stages.failures import check_failures
from stages.loss_log import final_losses
from stages.pretrain.config import PretrainConfig
from stages.pretrain.dino import DinoMethod
from stages.pretrain.encoder import build_vit
from stages.pretrain.initial import initialise
from stages.pretrain.key_offset import estimate_offset, fold_offset
from stages.pretrain.loop import PretrainLoop, normalise
from stages.pretrain.pool import draw_batch, open_pool, remove_pool
from stages.pretrain.prototypes import PrototypesMethod
from stages.pretrain.views import multi_crop
from stages.progress import Progress
from stages.samples import derive_seed
from stages.training import CHECKPOINT, LOG
from stages.weights_file import save_weights

WEIGHTS = "vit.safetensors"
DESCRIPTION = "vit.json"
_POOL = "images.npy"
_IMAGES_TO_WHITEN = 512
_IMAGES_FOR_OFFSET = 256


def run(config: PretrainConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    """Pre-train on the training images; labels and validation images are never read.

    Writes `vit.safetensors` (float16, a plain timm ViT), `vit.json` (its name in timm and the arguments to build it
    with) and `training.jsonl`.

    Raises:
        InputError: Unusable model, or more unreadable images than `inputs.max_failure_rate` allows.
        MaskDistillError: The loss is not finite, or the embeddings collapsed.
    """
    pool, failures = open_pool(inputs.source, config.image_size, workdir / _POOL, progress)
    check_failures(failures, inputs.source.n_train, inputs.max_failure_rate)
    device = resolve_device(inputs.execution)
    vit = train_vit(config, inputs, pool, workdir, device, progress)
    if config.key_offset is not None:
        batches = _normalised(pool[:_IMAGES_FOR_OFFSET], vit, config.batch_size, device)
        fold_offset(vit, estimate_offset(vit, batches, config.key_offset))
    description = {"model": config.model, "overrides": config.overrides}
    save_weights(workdir / WEIGHTS, vit.half(), {**description, "config": config.model_dump(mode="json")})
    write_json(workdir / DESCRIPTION, description)
    n_images = len(pool)
    del pool
    remove_pool(workdir / _POOL)
    (workdir / CHECKPOINT).unlink()
    samples = config.iterations * config.batch_size
    metrics = {"training_images": n_images, "samples": samples, "losses": final_losses(workdir / LOG)}
    return StageOutputs(samples, "samples", metrics, failures)


def train_vit(
    config: PretrainConfig,
    inputs: StageInputs,
    pool: NDArray[np.uint8],
    workdir: Path,
    device: torch.device,
    progress: Progress,
) -> Any:
    """Train from the last checkpoint in `workdir` to the end; gives the ViT without its key offset taken out."""
    torch.manual_seed(derive_seed(inputs.seed))
    vit = build_vit(config.model, config.overrides)
    images = draw_batch(pool, inputs.seed, 0, min(_IMAGES_TO_WHITEN, len(pool))).float() / 255
    initialise(vit, normalise(multi_crop(images, config.views, strength=1.0)[0].flatten(0, 1), vit))
    method = (DinoMethod if config.method == "dino" else PrototypesMethod)(vit, config)
    loop = PretrainLoop(method, pool, config, inputs.seed, workdir, inputs.execution, device, progress)
    return loop.run()


def _normalised(images: NDArray[np.uint8], vit: nn.Module, batch_size: int, device: torch.device) -> Iterator[Tensor]:
    for start in range(0, len(images), batch_size):
        batch = torch.from_numpy(np.array(images[start : start + batch_size]))
        yield normalise(batch.to(device).float() / 255, vit)
