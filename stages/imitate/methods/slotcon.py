"""The method `slotcon`: a ResNet that learns from images alone which px belong together (SlotCon, arXiv 2205.15288).

A student and a teacher, its moving average, see two views of each image. B images, K slots, C channels.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maskdistill.stages.contract import StageInputs
from maskdistill.stages.imitate.config import ImitateConfig
from maskdistill.stages.imitate.methods.method import ResNetMethod
from maskdistill.stages.imitate.methods.slot_views import View, draw_two_views
from maskdistill.stages.imitate.methods.slotcon_config import SlotConConfig
from maskdistill.stages.imitate.methods.slots import (
    Grouping,
    aligned,
    group,
    grouping_loss,
    moved_centre,
    slot_loss,
)
from maskdistill.stages.networks.resnet import N_STAGES, RGB_MEAN, RGB_STD, ResNetName, build_resnet
from maskdistill.stages.registry import IMITATION
from maskdistill.stages.training.ema import frozen_copy, move_towards
from maskdistill.stages.training.fit import Losses
from maskdistill.stages.training.samples import derive_seed
from maskdistill.stages.training.schedules import Step, cosine

_DEVIATION = 0.02
DrawViews = Callable[[Tensor, tuple[float, float]], tuple[View, View]]
"""Two views of images (B, 3, S, S) in 0-1, each of a fraction of their area between two bounds."""


class SlotNetwork(nn.Module):
    """A ResNet, a projection of its last features, and the prototypes of the slots.

    Args:
        name: Depth of the ResNet.
        stages: How many of its stages there are.
        own: Sizes.
    """

    def __init__(self, name: ResNetName, stages: int, own: SlotConConfig) -> None:
        super().__init__()
        self.trunk: Any = build_resnet(name, None)
        width = self.trunk.inplanes >> (N_STAGES - stages)
        for left_out in range(stages + 1, N_STAGES + 1):
            setattr(self.trunk, f"layer{left_out}", nn.Identity())
        self.projector = perceptron(width, own.hidden, own.dim)
        self.prototypes = nn.Parameter(torch.randn(own.prototypes, own.dim))
        self.temperature = own.teacher_temperature

    def forward(self, images: Tensor) -> Grouping:
        """Scores and slots of images, float (B, 3, S, S) in 0-1."""
        mean, std = (images.new_tensor(values).view(3, 1, 1) for values in (RGB_MEAN, RGB_STD))
        net = self.trunk
        x = net.maxpool(net.relu(net.bn1(net.conv1((images - mean) / std))))
        for stage in range(1, N_STAGES + 1):
            x = getattr(net, f"layer{stage}")(x)
        return group(self.projector(x), self.prototypes, self.temperature)


class SlotCon(nn.Module):
    """Student, teacher, and what the student is to predict of the teacher's slots.

    Attributes:
        centre: float32 (1, K), a buffer: the mean of the teacher's scores.
    """

    centre: Tensor

    def __init__(self, name: ResNetName, stages: int, own: SlotConConfig) -> None:
        super().__init__()
        self.own = own
        self.student = SlotNetwork(name, stages, own)
        self.teacher = frozen_copy(self.student)
        self.predictor = perceptron(own.dim, own.hidden, own.dim)
        self.register_buffer("centre", torch.zeros(1, own.prototypes))

    def losses(self, views: tuple[View, View], step: Step) -> Losses:
        """Weighted losses of both directions, after the teacher has moved and before the centre does."""
        own = self.own
        # The teacher sees its own batches, in training mode: so its statistics are its own.
        decay = cosine(step.share, own.teacher_momentum, 1.0)
        move_towards(self.teacher, self.student, decay, buffers=False)
        students = [self.student(view.pixels) for view in views]
        with torch.no_grad():
            teachers = [self.teacher(view.pixels) for view in views]
        grouping = total_loss(students, teachers, views, self.centre, self.predict, own)
        scores = torch.cat([one.scores for one in teachers])
        self.centre = moved_centre(self.centre, scores, own.centre_momentum)
        return grouping

    def predict(self, slots: Tensor) -> Tensor:
        """The teacher's slots (n, C) for some of the student's."""
        # Batch norm takes no statistics of a single row.
        rows = slots.repeat(2, 1) if len(slots) == 1 else slots
        predicted: Tensor = self.predictor(rows[:, :, None, None]).flatten(1)
        return predicted[: len(slots)]


def total_loss(
    students: list[Grouping],
    teachers: list[Grouping],
    views: tuple[View, View],
    centre: Tensor,
    predict: Callable[[Tensor], Tensor],
    own: SlotConConfig,
) -> Losses:
    """The losses of px and of slots, each the sum over both directions, and weighted."""
    same_px = [
        [aligned(one.scores, view.boxes, view.flipped) for one, view in zip(seen, views, strict=True)]
        for seen in (students, teachers)
    ]
    directions = ((0, 1), (1, 0))
    temperatures = own.student_temperature, own.teacher_temperature
    grouping = [grouping_loss(same_px[0][i], same_px[1][j], centre, *temperatures) for i, j in directions]
    slots = [slot_loss(students[i], teachers[j], predict, own.contrast_temperature) for i, j in directions]
    return {
        "grouping": own.grouping_weight * (grouping[0] + grouping[1]),
        "slots": (1 - own.grouping_weight) * (slots[0] + slots[1]),
    }


def perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Three 1 x 1 convolutions with batch norm and GELU between them."""
    layers = nn.Sequential(
        nn.Conv2d(inputs, hidden, kernel_size=1),
        nn.BatchNorm2d(hidden),
        nn.GELU(),
        nn.Conv2d(hidden, hidden, kernel_size=1),
        nn.BatchNorm2d(hidden),
        nn.GELU(),
        nn.Conv2d(hidden, outputs, kernel_size=1),
    )
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.trunc_normal_(layer.weight, std=_DEVIATION)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return layers


class SlotConMethod(ResNetMethod):
    """SlotCon on the images of a pool; the teacher's ResNet is the result.

    Args:
        config: The settings of the stage.
        inputs: The seed.
        pool: Not looked at: there are no statistics to take.
        device: Not needed: the trainer moves the networks.
        draw_views: What student and teacher see of the images.
    """

    def __init__(
        self,
        config: ImitateConfig,
        inputs: StageInputs,
        pool: NDArray[np.uint8],
        device: torch.device,
        draw_views: DrawViews = draw_two_views,
    ) -> None:
        self.own: SlotConConfig = IMITATION.settings(config)
        self.draw_views = draw_views
        torch.manual_seed(derive_seed(inputs.seed))
        self.module = self.networks = SlotCon(config.backbone, config.stages, self.own)
        self.trunk = self.networks.teacher.trunk

    def losses(self, batch: Tensor, step: Step) -> Losses:
        """The losses of two views of each image, uint8 (B, 3, S, S)."""
        return self.networks.losses(self.draw_views(batch.float() / 255, self.own.area), step)
