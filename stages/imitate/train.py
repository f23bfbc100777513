"""Training the ResNet in one folder; what each process does where several share each batch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from maskdistill.data.catalog import RESNET
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.imitate.config import ImitateConfig
from maskdistill.stages.imitate.methods.method import ResNetMethod
from maskdistill.stages.networks.resnet import N_STAGES
from maskdistill.stages.networks.weights_file import save_weights
from maskdistill.stages.progress import Progress
from maskdistill.stages.registry import IMITATION
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.distributed import rank
from maskdistill.stages.training.pool import open_pool, pool_samples
from maskdistill.stages.training.trainer import Trainer

POOL = "images.npy"


@dataclass(frozen=True)
class StudentTraining:
    """One training.

    Attributes:
        config: Of the stage.
        inputs: The images, the seed and the device.
        folder: Holds POOL; gets the checkpoint, the logs and the weights.
        draw_views: What the method sees of the images, a function of a module; None = its own random views.
    """

    config: ImitateConfig
    inputs: StageInputs
    folder: Path
    draw_views: Any = None


def train_student(training: StudentTraining, progress: Progress) -> None:
    """Train from the last checkpoint in the folder, and write the weights of the stages that were asked for."""
    config, inputs = training.config, training.inputs
    pool, failures = open_pool(inputs.source, config.image_size, training.folder / POOL, progress)
    device = resolve_device(inputs.execution)
    drawn = {} if training.draw_views is None else {"draw_views": training.draw_views}
    method: ResNetMethod = IMITATION.chosen(config).load()(config, inputs, pool, device, **drawn)
    trainer = Trainer(
        fit=method,
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
            setattr(method.trunk, f"layer{left_out}", nn.Identity())
        description = {"config": config.model_dump(mode="json")}
        save_weights(training.folder / RESNET.file, method.trunk.half(), description)
