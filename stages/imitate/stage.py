"""An optional stage: a ResNet that imitates the Vision Transformer. Writes `resnet.safetensors`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.failures import check_failures
from maskdistill.stages.imitate.config import ImitateConfig
from maskdistill.stages.imitate.student import Student
from maskdistill.stages.imitate.teacher import Teacher
from maskdistill.stages.networks.resnet import N_STAGES
from maskdistill.stages.networks.vit import find_weights, load_vit
from maskdistill.stages.networks.weights_file import save_weights
from maskdistill.stages.pretrain.colours import jitter_colours
from maskdistill.stages.pretrain.views import crop
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.loss_log import final_losses
from maskdistill.stages.training.pool import open_pool, remove_pool
from maskdistill.stages.training.precision import autocast
from maskdistill.stages.training.samples import SampleStream, derive_seed
from maskdistill.stages.training.trainer import CHECKPOINT, LOG, Trainer
from maskdistill.stages.weights import STAGE_FILES, WeightsSource

_POOL = "images.npy"
_IMAGES_FOR_STATISTICS = 512


def run(config: ImitateConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    """Train on the training images; labels and validation images are never read.

    Not in the paper, which starts its detector and its final model from ResNets that others trained without labels:
    this makes such a start from one's own images alone.

    Raises:
        InputError: Unusable ViT or weights, or more unreadable images than `inputs.max_failure_rate` allows.
        MaskDistillError: The loss is not finite.
    """
    pool, failures = open_pool(inputs.source, config.image_size, workdir / _POOL, progress)
    check_failures(failures, inputs.source.n_train, inputs.max_failure_rate)
    student = train_student(config, inputs, pool, workdir, progress)
    for left_out in range(config.stages + 1, N_STAGES + 1):
        setattr(student.trunk, f"layer{left_out}", nn.Identity())
    save_weights(workdir / STAGE_FILES["imitate"], student.trunk.half(), {"config": config.model_dump(mode="json")})
    n_images = len(pool)
    del pool
    remove_pool(workdir / _POOL)
    (workdir / CHECKPOINT).unlink()
    samples = config.recipe().iterations * config.batch_size
    metrics = {"training_images": n_images, "samples": samples, "losses": final_losses(workdir / LOG)}
    return StageOutputs(samples, "samples", metrics, failures)


def train_student(
    config: ImitateConfig, inputs: StageInputs, pool: NDArray[np.uint8], workdir: Path, progress: Progress
) -> Student:
    """Train from the last checkpoint in `workdir` to the end."""
    device = resolve_device(inputs.execution)
    weights = find_weights(config.weights or WeightsSource("timm"), inputs.artifacts)
    vit = load_vit(str(config.model), weights, inputs.seed, section="imitate", normalise=config.normalise).to(device)
    with autocast(device, config.precision):
        teacher = Teacher(vit, _batches(pool[:_IMAGES_FOR_STATISTICS], config.batch_size, device))
    torch.manual_seed(derive_seed(inputs.seed))
    student = Student(config.backbone, vit.dim)

    def losses(images: Tensor) -> dict[str, Tensor]:
        views = crop(images.float() / 255, config.image_size, config.area, config.rotation, strength=1.0)
        views = jitter_colours(views, 1.0)
        return student.losses(views, teacher(views))

    trainer = Trainer(
        module=student,
        losses=losses,
        samples=SampleStream(
            len(pool), lambda item: (f"image {item}", torch.from_numpy(np.array(pool[item]))), inputs.seed
        ),
        collate=torch.stack,
        recipe=config.recipe(),
        workdir=workdir,
        execution=inputs.execution,
        device=device,
        progress=progress,
    )
    trainer.run()
    return student


def _batches(images: NDArray[np.uint8], batch_size: int, device: torch.device) -> Iterator[Tensor]:
    for start in range(0, len(images), batch_size):
        yield torch.from_numpy(np.array(images[start : start + batch_size])).to(device)
