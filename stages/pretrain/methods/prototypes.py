"""The method `prototypes`: instance discrimination, then balanced prototypes for the class token and for patches.

Views of an image are to be found among a batch (InfoNCE), which teaches shapes and textures; predicting each other's
assignment to a few prototypes (SwAV) groups images of a kind; and patches that the class token attends to predict
their view's partner as well, which makes the attention cover objects.

Each of them compares images with each other: class tokens and drawn patches are gathered from all processes first.

Shapes: B images of all processes, V small views, K prototypes of a set, D dimensions of the ViT.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskdistill.stages.pretrain.config import PretrainConfig
from maskdistill.stages.pretrain.encoder import class_attention, finish, last_input, random_corner
from maskdistill.stages.pretrain.key_offset import shrink_unread_keys
from maskdistill.stages.pretrain.losses import assignment_loss, info_nce, swapped_assignment_loss
from maskdistill.stages.pretrain.methods.method import BatchLosses, PretrainMethod
from maskdistill.stages.pretrain.methods.prototypes_config import PrototypesConfig
from maskdistill.stages.pretrain.sinkhorn import balanced_assignments
from maskdistill.stages.registry import PRETRAINING
from maskdistill.stages.training.ema import frozen_copy, move_towards
from maskdistill.stages.training.exchange import gather
from maskdistill.stages.training.full_precision import cosine_similarity
from maskdistill.stages.training.schedules import average_decay, ramp

_HIDDEN, _BOTTLENECK = 512, 128


class Projector(nn.Module):
    """From class tokens (N, D) to unit vectors float32 (N, 128)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(dim, _HIDDEN, bias=False), nn.BatchNorm1d(_HIDDEN), nn.GELU(), nn.Linear(_HIDDEN, _BOTTLENECK)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Project and normalise."""
        return F.normalize(self.layers(tokens).float(), dim=-1)


class PrototypeSets(nn.Module):
    """Cosine similarity of tokens (..., D) to the prototypes of each set: a list of float32 (..., K)."""

    def __init__(self, dim: int, counts: tuple[int, ...]) -> None:
        super().__init__()
        self.project = nn.Linear(dim, _BOTTLENECK)
        self.sets = nn.ParameterList([torch.randn(count, _BOTTLENECK) for count in counts])

    def forward(self, tokens: Tensor) -> list[Tensor]:
        """Scores in -1 to 1."""
        projected = self.project(tokens)
        return [cosine_similarity(projected, prototypes) for prototypes in self.sets]


class PrototypesMethod(PretrainMethod):
    """What is trained: the ViT, a projector and the prototypes; and the average of the ViT, which is the result."""

    def __init__(self, vit: nn.Module, config: PretrainConfig) -> None:
        super().__init__()
        own: PrototypesConfig = PRETRAINING.settings(config)
        dim = int(vit.embed_dim)  # type: ignore[arg-type]
        self.vit = vit
        self.projector = Projector(dim)
        self.prototypes = PrototypeSets(dim, own.counts)
        self.average = frozen_copy(vit)
        self.config, self.ema_decay = own, config.ema_decay

    def losses(self, large: Tensor, small: Tensor, share: float) -> BatchLosses:
        """Instance discrimination, and from their time on the assignments of class tokens and of patches."""
        inner = self._encode(large, share)
        tokens = finish(self.vit, inner)
        classes = _of_all(tokens[:, 0], len(large))
        small_classes = classes[:0]
        if len(small):
            small_classes = _of_all(finish(self.vit, self._encode(small, share))[:, 0], len(small))
        rows = self.projector(torch.cat([classes, small_classes]))
        embedded = rows.view(-1, len(classes) // 2, rows.shape[-1])
        losses = {"nce": self._instance_loss(embedded[:2], embedded[2:])}
        weight = ramp(share, self.config.ramp)
        if weight > 0:
            attended = share >= self.config.scrub_at
            dense = _of_all(self._attended(tokens, inner), len(large)) if attended else None
            losses |= self._prototype_losses(classes, small_classes, dense, weight)
        return BatchLosses(losses, embedded[:2].flatten(0, 1).detach())

    def after_update(self, step: int, share: float, next_share: float) -> None:
        """Average the ViT; shrink the unread keys where the training passes that point."""
        move_towards(self.average, self.vit, average_decay(step, share, *self.ema_decay))
        if share < self.config.scrub_at <= next_share:
            shrink_unread_keys(self.vit, self.config.scrub)
            # The average would carry the old keys on for hundreds of steps.
            move_towards(self.average, self.vit, 0)

    def result(self) -> nn.Module:
        """The averaged ViT, in evaluation mode."""
        return self.average.eval()

    def _encode(self, views: Tensor, share: float) -> Tensor:
        """Tokens before the last block, of all views."""
        late = share < self.config.late_until
        return last_input(self.vit, views.flatten(0, 1), random_corner(self.vit, views.shape[-1]), late)

    def _instance_loss(self, large: Tensor, small: Tensor) -> Tensor:
        temperature = self.config.nce_temperature
        first = info_nce(torch.cat([large[1:], small]), large[0], temperature)
        second = info_nce(torch.cat([large[:1], small]), large[1], temperature)
        return (first + second) / 2

    def _attended(self, tokens: Tensor, inner: Tensor) -> Tensor:
        """Some patches (2 B, n, D) of each large view, drawn by the class token's attention in the last block."""
        patches, attention = tokens[:, 1:], class_attention(self.vit, inner)
        drawn = torch.multinomial(attention, self.config.dense_patches)
        return patches.gather(1, drawn[:, :, None].expand(-1, -1, patches.shape[-1]))

    def _prototype_losses(
        self, classes: Tensor, small_classes: Tensor, dense: Tensor | None, weight: float
    ) -> dict[str, Tensor]:
        config, n_images = self.config, len(classes) // 2
        all_scores = self.prototypes(torch.cat([classes, small_classes]))
        dense_scores = self.prototypes(dense) if dense is not None else [None] * len(all_scores)
        swapped, patchwise = [], []
        for scores, patch_scores in zip(all_scores, dense_scores, strict=True):
            by_view = scores.view(-1, n_images, scores.shape[-1])
            targets = balanced_assignments(scores[: 2 * n_images].detach(), config.assignment_temperature)
            targets = targets.view(2, n_images, -1)
            swapped.append(swapped_assignment_loss(targets, by_view[:2], by_view[2:], config.student_temperature))
            if patch_scores is not None:
                others = targets.flip(0).flatten(0, 1)[:, None]
                patchwise.append(assignment_loss(others, patch_scores, config.student_temperature))
        losses = {"prototypes": weight * config.weight * torch.stack(swapped).mean()}
        if patchwise:
            losses["dense"] = weight * config.dense_weight * torch.stack(patchwise).mean()
        return losses


def _of_all(rows: Tensor, n_views: int) -> Tensor:
    """The rows of all processes, view by view, of this process's rows, view by view."""
    return gather(rows.view(n_views, -1, *rows.shape[1:]), dim=1).flatten(0, 1)
