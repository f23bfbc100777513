"""The method `dino`: a student predicts what its own average sees in other views of an image (arXiv 2104.14294).

Shapes: B images, V small views, D dimensions of the ViT, K outputs of the head.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stages.pretrain.config import DinoConfig, PretrainConfig
from stages.pretrain.encoder import finish, last_input, random_corner
from stages.pretrain.losses import dino_loss, moved_centre
from stages.pretrain.method import Method, Outcome, frozen_copy, move_towards
from stages.pretrain.schedules import cosine, ramp


class DinoHead(nn.Module):
    """Three layers, a unit-length bottleneck, and a last layer of unit-length rows: (N, D) to float32 (N, K)."""

    def __init__(self, dim: int, config: DinoConfig) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(dim, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.bottleneck),
        )
        self.last = nn.Parameter(torch.randn(config.outputs, config.bottleneck))
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Cosine similarity of each token's bottleneck to each row of the last layer."""
        bottleneck = F.normalize(self.layers(tokens).float(), dim=-1)
        return bottleneck @ F.normalize(self.last, dim=-1).T


class DinoMethod(Method):
    """Student and teacher, each a ViT and a head; the teacher is the student's average, and the result."""

    centre: Tensor

    def __init__(self, vit: nn.Module, config: PretrainConfig) -> None:
        super().__init__()
        dim = int(vit.embed_dim)  # type: ignore[arg-type]
        self.vit, self.head = vit, DinoHead(dim, config.dino)
        self.teacher_vit, self.teacher_head = frozen_copy(self.vit), frozen_copy(self.head)
        self.register_buffer("centre", torch.zeros(config.dino.outputs))
        self.config, self.ema_decay = config.dino, config.ema_decay

    def losses(self, large: Tensor, small: Tensor, share: float) -> Outcome:
        """DINO's loss; moves the centre."""
        config = self.config
        temperature = config.teacher_temperature[0] + ramp(share, config.teacher_warmup) * (
            config.teacher_temperature[1] - config.teacher_temperature[0]
        )
        n_images = large.shape[1]
        classes = [_class_tokens(self.vit, views) for views in (large, small) if len(views)]
        student = self.head(torch.cat(classes)).view(-1, n_images, config.outputs)
        with torch.no_grad():
            teacher = self.teacher_head(_class_tokens(self.teacher_vit, large)).view(2, n_images, config.outputs)
        loss = dino_loss(teacher, student, self.centre, temperature, config.student_temperature)
        probabilities = F.softmax((teacher - self.centre) / temperature, dim=-1).flatten(0, 1)
        self.centre = moved_centre(self.centre, teacher, config.centre_momentum)
        return Outcome({"dino": loss}, classes[0].detach(), probabilities)

    def before_update(self, share: float) -> None:
        """Keep the head's last layer as it is at the start."""
        if share < self.config.frozen_until:
            self.head.last.grad = None

    def after_update(self, step: int, share: float, next_share: float) -> None:
        """Move the teacher towards the student."""
        decay = min(cosine(share, self.ema_decay[0], 1.0), self.ema_decay[1])
        move_towards(self.teacher_vit, self.vit, decay)
        move_towards(self.teacher_head, self.head, decay)

    def result(self) -> nn.Module:
        """The teacher's ViT, in evaluation mode."""
        return self.teacher_vit.eval()


def _class_tokens(vit: Any, views: Tensor) -> Tensor:
    """Class tokens (V * B, D) of views (V, B, 3, T, T)."""
    inner = last_input(vit, views.flatten(0, 1), random_corner(vit, views.shape[-1]), late=False)
    return finish(vit, inner)[:, 0]
