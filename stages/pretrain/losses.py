"""The losses of pre-training, as functions of embeddings and scores.

Shapes: V views, B images, K prototypes or outputs, D dimensions, N patches of a view. Views of one image have the same
place in the batch.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from maskdistill.stages.training.exchange import mean_over_processes


def info_nce(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Find the view of the same image among a batch (InfoNCE, arXiv 1807.03748).

    Args:
        queries: float (V, B, D), unit length.
        keys: float (B, D), unit length: the right answer to each query of its image, wrong for all others.
        temperature: Divides the similarities.

    Returns:
        Mean cross-entropy, a scalar; ln B where all similarities are equal.
    """
    logits = queries.flatten(0, 1) @ keys.T / temperature
    answers = torch.arange(len(keys), device=keys.device).repeat(len(queries))
    return F.cross_entropy(logits, answers)


def assignment_loss(targets: Tensor, scores: Tensor, temperature: float) -> Tensor:
    """Predict assignments: cross-entropy as a fraction of ln K, so that sets of different K weigh the same.

    Args:
        targets: float (..., K), rows sum to 1; broadcast against the scores.
        scores: float (..., K), similarity to each prototype.
        temperature: Divides the scores.

    Returns:
        Mean over all rows, a scalar; 1 where all scores are equal.
    """
    log_predicted = F.log_softmax(scores.float() / temperature, dim=-1)
    return -(targets * log_predicted).sum(dim=-1).mean() / math.log(scores.shape[-1])


def swapped_assignment_loss(targets: Tensor, large: Tensor, small: Tensor, temperature: float) -> Tensor:
    """Each view predicts the assignment of the other large view, or, if it is small, of both (SwAV, section 3).

    Args:
        targets: float (2, B, K), assignments of the large views.
        large: float (2, B, K), scores of the large views.
        small: float (V, B, K), scores of the small views; V may be 0.
        temperature: Divides the scores.

    Returns:
        Mean over all pairs of views, as a fraction of ln K.
    """
    pairs = [assignment_loss(targets.flip(0), large, temperature) * 2]
    if len(small):
        pairs.append(assignment_loss(targets[:, None], small[None], temperature) * 2 * len(small))
    return torch.stack(pairs).sum() / (2 + 2 * len(small))


def dino_loss(
    teacher: Tensor, student: Tensor, centre: Tensor, teacher_temperature: float, student_temperature: float
) -> Tensor:
    """Cross-entropy between the teacher's view of an image and the student's other views of it (DINO, equation 3).

    Args:
        teacher: float (2, B, K), the teacher's outputs for the large views; no gradient flows into them.
        student: float (2 + V, B, K), the student's outputs: the large views in the same order, then the small ones.
        centre: float (K,), subtracted from the teacher's outputs.
        teacher_temperature: Low: sharpens the targets.
        student_temperature: Divides the student's outputs.

    Returns:
        Mean over all pairs of different views, a scalar.
    """
    targets = F.softmax((teacher.detach().float() - centre) / teacher_temperature, dim=-1)
    log_predicted = F.log_softmax(student.float() / student_temperature, dim=-1)
    pairs = [
        -(target * log_predicted[i]).sum(dim=-1).mean()
        for t, target in enumerate(targets)
        for i in range(len(student))
        if i != t
    ]
    return torch.stack(pairs).mean()


def patch_loss(
    teacher: Tensor,
    student: Tensor,
    hidden: Tensor,
    centre: Tensor,
    teacher_temperature: float,
    student_temperature: float,
) -> Tensor:
    """Cross-entropy between what the teacher makes of a patch and what the student, from which it is hidden, expects
    there (iBOT, equation 2).

    Args:
        teacher: float (M, K), the teacher's outputs for the M hidden patches; no gradient flows into them.
        student: float (M, K), the student's outputs for the same patches.
        hidden: bool (V, N), which patches of each view they are: the M that are set, row by row.
        centre: float (K,), subtracted from the teacher's outputs.
        teacher_temperature: Low: sharpens the targets.
        student_temperature: Divides the student's outputs.

    Returns:
        Mean over the hidden patches of a view, then over all views, a scalar; a view with nothing hidden counts as 0.
    """
    targets = F.softmax((teacher.detach().float() - centre) / teacher_temperature, dim=-1)
    log_predicted = F.log_softmax(student.float() / student_temperature, dim=-1)
    shares = hidden / hidden.sum(dim=1, keepdim=True).clamp_min(1) / len(hidden)
    return -(shares[hidden] * (targets * log_predicted).sum(dim=-1)).sum()


@torch.no_grad()
def moved_centre(centre: Tensor, teacher: Tensor, momentum: float) -> Tensor:
    """The centre (K,) moved towards the mean of the teacher's outputs (DINO, equation 4).

    Args:
        centre: float (K,).
        teacher: float (..., K); those of all processes count. Where there are none at all, the centre stays.
        momentum: Fraction of the old centre in the new one.
    """
    rows = teacher.float().flatten(0, -2)
    sums = mean_over_processes(torch.cat([rows.sum(dim=0), rows.new_tensor([len(rows)])]))
    moved = centre * momentum + sums[:-1] / sums[-1].clamp_min(1e-6) * (1 - momentum)
    return torch.where(sums[-1] > 0, moved, centre)
