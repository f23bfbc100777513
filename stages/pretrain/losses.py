"""The losses of pre-training, as functions of embeddings and scores.

Shapes: V views, B images, K prototypes, D dimensions. Views of one image have the same place in the batch.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


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
    """Predict assignments: cross-entropy as a share of ln K, so that sets of different K weigh the same.

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
        Mean over all pairs of views, as a share of ln K.
    """
    pairs = [assignment_loss(targets.flip(0), large, temperature) * 2]
    if len(small):
        pairs.append(assignment_loss(targets[:, None], small[None], temperature) * 2 * len(small))
    return torch.stack(pairs).sum() / (2 + 2 * len(small))
