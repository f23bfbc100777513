"""Slots: parts of images that belong together, and what they are to agree on (SlotCon, arXiv 2205.15288).

B images, K slots, C channels, h x w px of the features. Scores (B, K, h, w) are cosines of px and slots.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import roi_align

from maskdistill.stages.training.distributed import rank
from maskdistill.stages.training.exchange import gather, mean_over_processes
from maskdistill.stages.training.full_precision import without_autocast

_LEAST_SHARE = 1e-6


class Grouping(NamedTuple):
    """Px by slot: their scores (B, K, h, w), and the mean feature of each slot, (B, K, C)."""

    scores: Tensor
    slots: Tensor


@without_autocast
def group(features: Tensor, prototypes: Tensor, temperature: float) -> Grouping:
    """Sort the px of features (B, C, h, w) by their likeness to prototypes (K, C)."""
    features = features.float()
    scores = torch.einsum("kc,bchw->bkhw", F.normalize(prototypes, dim=1), F.normalize(features, dim=1))
    shares = (scores / temperature).softmax(dim=1) + _LEAST_SHARE
    shares = shares / shares.sum(dim=(2, 3), keepdim=True)
    return Grouping(scores, torch.einsum("bkhw,bchw->bkc", shares, features))


@without_autocast
def aligned(scores: Tensor, boxes: Tensor, flipped: Tensor) -> Tensor:
    """What lies in a box of each view, at the size of the view, and turned back where the view is flipped.

    Args:
        scores: (B, K, h, w).
        boxes: x1, y1, x2, y2 as fractions of the view, (B, 4).
        flipped: bool (B,).
    """
    height, width = scores.shape[2:]
    px = boxes * boxes.new_tensor([width, height, width, height])
    numbered = torch.cat([torch.arange(len(px), device=px.device)[:, None].to(px), px], dim=1)
    inside: Tensor = roi_align(scores, numbered, (height, width), sampling_ratio=1, aligned=True)
    return torch.where(flipped[:, None, None, None], inside.flip(-1), inside)


def grouping_loss(
    student: Tensor, teacher: Tensor, centre: Tensor, student_temperature: float, teacher_temperature: float
) -> Tensor:
    """Mean cross-entropy of the student's slots under the teacher's.

    Args:
        student: Scores (N, K, ...).
        teacher: The same px as the teacher sees them; gets no gradient.
        centre: (1, K), what the teacher's scores are on average: no slot is to have all px.
        student_temperature: Divides the student's scores.
        teacher_temperature: Divides the teacher's; lower ones make it surer.
    """
    centred = teacher.detach() - centre.view(1, -1, *[1] * (teacher.ndim - 2))
    wanted = (centred / teacher_temperature).softmax(dim=1)
    return -(wanted * (student / student_temperature).log_softmax(dim=1)).sum(dim=1).mean()


@torch.no_grad()
def moved_centre(centre: Tensor, scores: Tensor, momentum: float) -> Tensor:
    """The centre (1, K) after scores (N, K, ...) of this process's images; the same in all processes."""
    mean = mean_over_processes(scores.transpose(0, 1).flatten(1).mean(dim=1))
    return centre * momentum + mean * (1 - momentum)


def occupied(scores: Tensor) -> Tensor:
    """Which slots have the highest score at some px, bool (B, K)."""
    highest = scores.argmax(dim=1).flatten(1)
    return torch.zeros(scores.shape[:2], dtype=torch.bool, device=scores.device).scatter_(1, highest, True)


def slot_loss(student: Grouping, teacher: Grouping, predict: Callable[[Tensor], Tensor], temperature: float) -> Tensor:
    """How badly the student's slots are told apart from all others of the batch, by the teacher's of the other view.

    Only slots that both have in an image are asked for; what they are told apart from is every slot that the teacher
    has in some image of any process. The mean over the processes is the loss of the whole batch; 0 where no slot is
    shared.

    Args:
        student: Of one view.
        teacher: Of the other one; gets no gradient.
        predict: From the student's slots (n, C) to the teacher's.
        temperature: Divides the cosines.
    """
    there = occupied(teacher.scores)
    rows = (occupied(student.scores) & there).flatten().nonzero()[:, 0]
    n_asked = mean_over_processes(rows.new_tensor([len(rows)], dtype=torch.float32))
    if not n_asked.item():
        return student.slots.sum() * 0
    with torch.no_grad():
        keys = gather(F.normalize(teacher.slots.flatten(0, 1), dim=1))
        is_key = gather(there.flatten().float()) > 0
    numbers = is_key.cumsum(dim=0) - 1
    predicted = F.normalize(predict(student.slots.flatten(0, 1)[rows]).float(), dim=1)
    losses = F.cross_entropy(
        predicted @ keys[is_key].T / temperature, numbers[rows + rank() * there.numel()], reduction="sum"
    )
    return 2 * temperature * losses / n_asked[0]
