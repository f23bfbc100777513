"""Notices a training whose embeddings have collapsed, and stops it with a message instead of an hour later."""

import math

import torch
from torch import Tensor, nn

from maskdistill.data.errors import MaskDistillError

_LOWEST_RANK = 2.0
_LOWEST_ENTROPY = 0.05
_LOWEST_INFORMATION = 0.001
_UNIFORM_AT_FIRST = 0.25


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
def assignment_entropy(shares: Tensor) -> Tensor:
    """Entropy of shares of prototypes, (..., K) with sum 1, as fraction of ln K: (...), 0 to 1.

    Of the mean over samples it says how evenly they spread over the prototypes. What it exceeds the mean of the
    samples' own entropies by is the mutual information of sample and prototype: 0 where all get the same shares.
    """
    entropy: Tensor = torch.special.entr(shares.float()).sum(dim=-1)
    return entropy / math.log(shares.shape[-1])


class CollapseMonitor(nn.Module):
    """Counts checks in a row that look collapsed; a module, so that the count is kept with the weights.

    Args:
        patience: Such checks in a row that stop the training.
    """

    bad_checks: Tensor

    def __init__(self, patience: int = 5) -> None:
        super().__init__()
        self.patience = patience
        self.register_buffer("bad_checks", torch.zeros((), dtype=torch.long))

    def check(
        self, step: int, share: float, rank: float, entropy: float | None = None, information: float | None = None
    ) -> None:
        """Look at the metrics of one step.

        Args:
            step: Steps done.
            share: Fraction of the training that is done; at first a student may well know nothing yet.
            rank: Of `effective_rank`.
            entropy: Of the mean assignment, 0 to 1; None where the method assigns nothing.
            information: Mutual information of sample and prototype, 0 to 1; None likewise.

        Raises:
            MaskDistillError: The last `patience` checks were all bad.
        """
        is_narrow = rank < _LOWEST_RANK or (entropy is not None and entropy < _LOWEST_ENTROPY)
        is_uniform = information is not None and information < _LOWEST_INFORMATION and share >= _UNIFORM_AT_FIRST
        self.bad_checks = self.bad_checks + 1 if is_narrow or is_uniform else torch.zeros_like(self.bad_checks)
        if int(self.bad_checks) >= self.patience:
            metrics = [f"the embeddings of a batch span {rank:.1f} dimensions"]
            if entropy is not None and information is not None:
                metrics.append(f"their assignments have {entropy:.0%} of the largest entropy")
                metrics.append(f"and tell {information:.1%} of what they could about an image")
            raise MaskDistillError(
                f"pre-training collapsed: at step {step} {', '.join(metrics)}; lower pretrain.lr, raise "
                "pretrain.batch_size or the first pretrain.ema_decay, or lengthen pretrain.views.curriculum"
            )
