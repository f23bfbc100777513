"""A cluster for every code: K-means on the sphere, learnt by gradient beside the head (STEGO's cluster probe).

Shapes: B images, C numbers a code, K clusters, h x w patches.
"""

import torch
from torch import Tensor, nn

from maskdistill.stages.training.full_precision import cosine_similarity


class ClusterProbe(nn.Module):
    """K centres, compared with codes by their cosine.

    Args:
        n_clusters: K.
        code_dim: C.
    """

    def __init__(self, n_clusters: int, code_dim: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(n_clusters, code_dim))

    def forward(self, codes: Tensor) -> Tensor:
        """Cosines (B, K, h, w) of codes (B, C, h, w)."""
        return cosine_similarity(codes.permute(0, 2, 3, 1), self.centres).permute(0, 3, 1, 2)

    def loss(self, codes: Tensor, alpha: float | None = None) -> Tensor:
        """How far codes are from their centres, -1 to 1; no gradient flows into the codes.

        Args:
            codes: (B, C, h, w).
            alpha: None = a code belongs to its nearest centre; else to all of them, by the softmax of alpha times the
                cosine.
        """
        cosines: Tensor = self(codes.detach())
        return -cosines.amax(dim=1).mean() if alpha is None else -(shares(cosines, alpha) * cosines).sum(dim=1).mean()

    def log_shares(self, codes: Tensor, alpha: float) -> Tensor:
        """Logarithm of the share that each cluster has in a code, (B, K, h, w)."""
        cosines: Tensor = self(codes)
        return (cosines * alpha).log_softmax(dim=1)


def shares(cosines: Tensor, alpha: float) -> Tensor:
    """Softmax of alpha times cosines (B, K, h, w) over the clusters."""
    return (cosines * alpha).softmax(dim=1)
