"""The method `imitate`: a ResNet that predicts the tokens of a Vision Transformer, in views of the training images."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.stages.contract import StageInputs
from maskdistill.stages.imitate.config import ImitateConfig
from maskdistill.stages.imitate.methods.method import ResNetMethod
from maskdistill.stages.imitate.methods.student import Student
from maskdistill.stages.imitate.methods.teacher import Teacher
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.pretrain.colours import jitter_colours
from maskdistill.stages.pretrain.views import crop
from maskdistill.stages.training.fit import Losses
from maskdistill.stages.training.precision import autocast
from maskdistill.stages.training.samples import derive_seed
from maskdistill.stages.training.schedules import Step
from maskdistill.stages.weights import TIMM

_IMAGES_FOR_STATISTICS = 512

DrawViews = Callable[[Tensor, ImitateConfig], Tensor]
"""Views (B, 3, S, S) of images (B, 3, S, S), both float in 0-1."""


def draw_view(images: Tensor, config: ImitateConfig) -> Tensor:
    """One random view of each image: cropped, turned, flipped, its colours jittered."""
    views = crop(images, config.image_size, config.area, config.rotation, strength=1.0)
    return jitter_colours(views, 1.0)


class ImitateMethod(ResNetMethod):
    """The ResNet, and the ViT that it imitates.

    Args:
        config: The settings of the stage.
        inputs: The seed, the device, and the artifact of `pretrain` where the ViT is its result.
        pool: Training images, uint8 (n, 3, S, S); the first ones give the statistics of the ViT's tokens.
        device: Where the ViT computes.
        draw_views: What both see of the images.
    """

    def __init__(
        self,
        config: ImitateConfig,
        inputs: StageInputs,
        pool: NDArray[np.uint8],
        device: torch.device,
        draw_views: DrawViews = draw_view,
    ) -> None:
        self.config, self.draw_views = config, draw_views
        self.teacher = make_teacher(config, inputs, pool, device)
        torch.manual_seed(derive_seed(inputs.seed))
        self.module = self.student = Student(config.backbone, self.teacher.vit.dim)
        self.trunk = self.student.trunk

    def losses(self, batch: Tensor, step: Step) -> Losses:
        """Squared errors of the predicted tokens."""
        views = self.draw_views(batch.float() / 255, self.config)
        return self.student.losses(views, self.teacher(views))


def make_teacher(config: ImitateConfig, inputs: StageInputs, pool: NDArray[np.uint8], device: torch.device) -> Teacher:
    """The ViT that is imitated, its statistics those of the first images of a pool."""
    vit = load_vit(
        str(config.model),
        config.weights or TIMM,
        inputs.artifacts,
        seed=inputs.seed,
        section="imitate",
        normalise=config.normalise,
    ).to(device)
    with autocast(device, config.precision):
        return Teacher(vit, _batches(pool[:_IMAGES_FOR_STATISTICS], config.batch_size, device))


def _batches(images: NDArray[np.uint8], batch_size: int, device: torch.device) -> Iterator[Tensor]:
    for start in range(0, len(images), batch_size):
        yield torch.from_numpy(np.array(images[start : start + batch_size])).to(device)
