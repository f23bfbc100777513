"""Balanced soft assignments (Sinkhorn-Knopp), the targets of the prototypes method (SwAV, arXiv 2006.09882)."""

import torch
from torch import Tensor


@torch.no_grad()
def balanced_assignments(scores: Tensor, temperature: float, iterations: int = 3) -> Tensor:
    """Assign samples to prototypes so that every prototype gets nearly the same fraction of them.

    Args:
        scores: float (N, K), similarity of each sample to each prototype.
        temperature: Softness of the assignments.
        iterations: Rounds of normalising columns, then rows.

    Returns:
        float32 (N, K); every row sums to 1, every column to N / K up to what the iterations leave.
    """
    logits = scores.float() / temperature
    shares = torch.exp(logits - logits.max())
    for _ in range(iterations):
        # A prototype that is far from every sample may underflow to 0 everywhere; it then stays unused.
        shares = shares / shares.sum(dim=0, keepdim=True).clamp_min(1e-12)
        shares = shares / shares.sum(dim=1, keepdim=True).clamp_min(1e-12)
    return shares
