"""Training the ResNet in one folder; what each process does where several share each batch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maskdistill.stages.contract import StageInputs
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
from maskdistill.stages.training.distributed import rank
from maskdistill.stages.training.fit import SimpleFit
from maskdistill.stages.training.pool import open_pool, pool_samples
from maskdistill.stages.training.precision import autocast
from maskdistill.stages.training.samples import derive_seed
from maskdistill.stages.training.trainer import Trainer
from maskdistill.stages.weights import STAGE_FILES, WeightsSource

POOL = "images.npy"
_IMAGES_FOR_STATISTICS = 512


DrawViews = Callable[[Tensor, ImitateConfig], Tensor]
"""Views (B, 3, S, S) of images (B, 3, S, S), both float in 0-1."""


def draw_view(images: Tensor, config: ImitateConfig) -> Tensor:
    """One random view of each image: cropped, turned, flipped, its colours jittered."""
    views = crop(images, config.image_size, config.area, config.rotation, strength=1.0)
    return jitter_colours(views, 1.0)


@dataclass(frozen=True)
class StudentTraining:
    """One training.

    Attributes:
        config: Of the stage.
        inputs: The images, the seed and the device.
        folder: Holds POOL; gets the checkpoint, the logs and the weights.
        draw_views: What teacher and student see of the images; a function of a module.
    """

    config: ImitateConfig
    inputs: StageInputs
    folder: Path
    draw_views: DrawViews = draw_view


def train_student(training: StudentTraining, progress: Progress) -> None:
    """Train from the last checkpoint in the folder, and write the weights of the stages that were asked for."""
    config, inputs = training.config, training.inputs
    pool, failures = open_pool(inputs.source, config.image_size, training.folder / POOL, progress)
    device = resolve_device(inputs.execution)
    teacher = make_teacher(config, inputs, pool, device)
    torch.manual_seed(derive_seed(inputs.seed))
    student = Student(config.backbone, teacher.vit.dim)

    def losses(images: Tensor) -> dict[str, Tensor]:
        views = training.draw_views(images.float() / 255, config)
        return student.losses(views, teacher(views))

    trainer = Trainer(
        fit=SimpleFit(student, losses),
        samples=pool_samples(inputs.source, pool, failures, inputs.seed),
        collate=torch.stack,
        recipe=config.recipe(),
        workdir=training.folder,
        execution=inputs.execution,
        device=device,
        progress=progress,
    )
    trainer.run()
    if rank() == 0:
        for left_out in range(config.stages + 1, N_STAGES + 1):
            setattr(student.trunk, f"layer{left_out}", nn.Identity())
        description = {"config": config.model_dump(mode="json")}
        save_weights(training.folder / STAGE_FILES["imitate"], student.trunk.half(), description)


def make_teacher(config: ImitateConfig, inputs: StageInputs, pool: NDArray[np.uint8], device: torch.device) -> Teacher:
    """The ViT that is imitated, its statistics those of the first images of a pool."""
    weights = find_weights(config.weights or WeightsSource("timm"), inputs.artifacts)
    vit = load_vit(str(config.model), weights, inputs.seed, section="imitate", normalise=config.normalise).to(device)
    with autocast(device, config.precision):
        return Teacher(vit, _batches(pool[:_IMAGES_FOR_STATISTICS], config.batch_size, device))


def _batches(images: NDArray[np.uint8], batch_size: int, device: torch.device) -> Iterator[Tensor]:
    for start in range(0, len(images), batch_size):
        yield torch.from_numpy(np.array(images[start : start + batch_size])).to(device)
