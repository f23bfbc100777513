"""Notices a training whose embeddings have collapsed, and stops it with a message instead of an hour later."""

import math

import torch
from torch import Tensor

from data.errors import MaskDistillError

_LOWEST_RANK = 2.0
_LOWEST_ENTROPY = 0.05


@torch.no_grad()
def effective_rank(embeddings: Tensor) -> float:
    """How many directions the embeddings (N, D) use: e to the entropy of their squared singular values, 1 to D.

    The mean is taken out first: embeddings that all are the same have rank 0. (Roy and Vetterli, 2007.)
    """
    centred = embeddings.float() - embeddings.float().mean(dim=0)
    energies = torch.linalg.svdvals(centred) ** 2
    # What is left of identical rows is rounding.
    if float(energies.sum()) <= 1e-8 * max(1.0, float(embeddings.float().square().sum())):
        return 0.0
    shares = energies / energies.sum()
    return math.exp(float(torch.special.entr(shares).sum()))


@torch.no_grad()
def assignment_entropy(shares: Tensor) -> float:
    """How evenly samples spread over prototypes: entropy of the prototypes' shares (K,) as share of ln K, 0 to 1."""
    return float(torch.special.entr(shares.float()).sum()) / math.log(len(shares))


class CollapseMonitor:
    """Counts checks in a row that look collapsed.

    Args:
        patience: Such checks in a row that stop the training.
    """

    def __init__(self, patience: int = 5) -> None:
        self.patience = patience
        self.bad_checks = 0

    def check(self, step: int, rank: float, entropy: float | None = None) -> None:
        """Look at the figures of one step.

        Args:
            step: Steps done.
            rank: Of `effective_rank`.
            entropy: Of `assignment_entropy`; None where the method assigns nothing yet.

        Raises:
            MaskDistillError: The last `patience` checks were all bad.
        """
        is_bad = rank < _LOWEST_RANK or (entropy is not None and entropy < _LOWEST_ENTROPY)
        self.bad_checks = self.bad_checks + 1 if is_bad else 0
        if self.bad_checks >= self.patience:
            spread = "" if entropy is None else f" and their assignments {entropy:.0%} of the largest entropy"
            raise MaskDistillError(
                f"pre-training collapsed: at step {step} the embeddings of a batch span {rank:.1f} dimensions{spread}; "
                "lower pretrain.lr, raise pretrain.batch_size or lengthen pretrain.views.curriculum"
            )
