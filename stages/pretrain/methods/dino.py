"""The method `dino`: a student predicts what its own average sees in other views of an image (arXiv 2104.14294).

With `dino.patch_weight`, patches are hidden from the student as well, and it predicts what the average sees of them
(iBOT, arXiv 2111.07832).

Shapes: B images of this process, V small views, D dimensions of the ViT, K outputs of a head, N patches of a large
view, M hidden patches.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskdistill.stages.pretrain.collapse import assignment_entropy
from maskdistill.stages.pretrain.config import PretrainConfig
from maskdistill.stages.pretrain.encoder import finish, last_input, random_corner
from maskdistill.stages.pretrain.losses import dino_loss, moved_centre, patch_loss
from maskdistill.stages.pretrain.masking import hide_patches
from maskdistill.stages.pretrain.methods.dino_config import DinoConfig
from maskdistill.stages.pretrain.methods.dino_head import DinoHead
from maskdistill.stages.pretrain.methods.method import BatchLosses, PretrainMethod
from maskdistill.stages.registry import PRETRAINING
from maskdistill.stages.training.ema import frozen_copy, move_towards
from maskdistill.stages.training.exchange import gather, mean_over_processes
from maskdistill.stages.training.schedules import cosine, ramp

Hide = Callable[[int, tuple[int, int], DinoConfig], Tensor]


class DinoNetwork(nn.Module):
    """A ViT, its heads for the class token and for patches, and what stands in for a hidden patch."""

    def __init__(self, vit: nn.Module, config: DinoConfig) -> None:
        super().__init__()
        dim = int(vit.embed_dim)  # type: ignore[arg-type]
        self.vit, self.head = vit, DinoHead(dim, config)
        own_head = config.patch_weight > 0 and not config.shared_head
        self.patch_head = DinoHead(dim, config) if own_head else self.head
        self.mask_token = nn.Parameter(torch.zeros(dim))

    def tokens(self, views: Tensor, corner: tuple[int, int], hidden: Tensor | None = None) -> Tensor:
        """Tokens (V * B, 1 + N, D) of views (V, B, 3, T, T), class token first."""
        masked = None if hidden is None else (hidden, self.mask_token)
        return finish(self.vit, last_input(self.vit, views.flatten(0, 1), corner, late=False, masked=masked))


class DinoMethod(PretrainMethod):
    """Student and teacher; the teacher is the student's average, and its ViT the result.

    Args:
        vit: The student's ViT, initialised.
        config: The settings of the stage.
        hide: Draws which patches are hidden from the student: see `hide_patches`.
    """

    centre: Tensor
    patch_centre: Tensor

    def __init__(self, vit: nn.Module, config: PretrainConfig, hide: Hide = hide_patches) -> None:
        super().__init__()
        own: DinoConfig = PRETRAINING.settings(config)
        self.hide = hide
        self.student = DinoNetwork(vit, own)
        self.teacher: Any = frozen_copy(self.student)
        self.register_buffer("centre", torch.zeros(own.outputs))
        self.register_buffer("patch_centre", torch.zeros(own.outputs))
        self.config, self.ema_decay = own, config.ema_decay

    def losses(self, large: Tensor, small: Tensor, share: float) -> BatchLosses:
        """DINO's loss, and iBOT's where it has a weight; moves the centres."""
        config, temperature = self.config, self._teacher_temperature(share)
        corner = random_corner(self.student.vit, large.shape[-1])
        hidden = self._draw_hidden(large) if config.patch_weight > 0 else None
        with torch.no_grad():
            seen = self.teacher.tokens(large, corner)
            teacher = self.teacher.head(seen[:, 0]).view(*large.shape[:2], -1)
        tokens = self.student.tokens(large, corner, hidden)
        student = self._student_scores(tokens[:, 0], small, large.shape[1])
        losses = {"dino": dino_loss(teacher, student, self.centre, temperature, config.student_temperature)}
        if hidden is not None:
            losses["patches"] = config.patch_weight * self._patch_loss(seen, tokens, hidden, temperature)
        shares = F.softmax((teacher - self.centre) / temperature, dim=-1).flatten(0, 1)
        self.centre = moved_centre(self.centre, teacher, config.centre_momentum)
        doubt = mean_over_processes(assignment_entropy(shares).mean())
        return BatchLosses(losses, gather(tokens[:, 0].detach()), mean_over_processes(shares.mean(dim=0)), doubt)

    def before_update(self, share: float) -> None:
        """Keep the heads' last layers as they are at the start."""
        if share < self.config.frozen_until:
            self.student.head.last.grad = None
            self.student.patch_head.last.grad = None

    def after_update(self, step: int, share: float, next_share: float) -> None:
        """Move the teacher towards the student."""
        move_towards(self.teacher, self.student, min(cosine(share, self.ema_decay[0], 1.0), self.ema_decay[1]))

    def result(self) -> nn.Module:
        """The teacher's ViT, in evaluation mode."""
        vit: nn.Module = self.teacher.vit
        return vit.eval()

    def _teacher_temperature(self, share: float) -> float:
        start, end = self.config.teacher_temperature
        return start + ramp(share, self.config.teacher_warmup) * (end - start)

    def _draw_hidden(self, large: Tensor) -> Tensor:
        """Which patches are hidden from the student: bool (2 * B, N)."""
        vit: Any = self.student.vit
        side = large.shape[-1] // int(vit.patch_embed.patch_size[0])
        return self.hide(2 * large.shape[1], (side, side), self.config).to(large.device)

    def _student_scores(self, classes: Tensor, small: Tensor, n_images: int) -> Tensor:
        """Scores (2 + V, B, K) of the class tokens (2 * B, D) of the large views, and of the small views."""
        if len(small):
            corner = random_corner(self.student.vit, small.shape[-1])
            classes = torch.cat([classes, self.student.tokens(small, corner)[:, 0]])
        scores: Tensor = self.student.head(classes)
        return scores.view(-1, n_images, scores.shape[-1])

    def _patch_loss(self, seen: Tensor, tokens: Tensor, hidden: Tensor, temperature: float) -> Tensor:
        """iBOT's loss on tokens (2 * B, 1 + N, D) of the teacher and of the student; moves the patches' centre."""
        config = self.config
        with torch.no_grad():
            teacher = self.teacher.patch_head(seen[:, 1:][hidden])
        student = self.student.patch_head(tokens[:, 1:][hidden])
        loss = patch_loss(teacher, student, hidden, self.patch_centre, temperature, config.student_temperature)
        self.patch_centre = moved_centre(self.patch_centre, teacher, config.centre_momentum)
        return loss
