"""STEGO's optional loss that makes codes follow colours: pixels that are near and alike should have codes alike.

Weight 0 in all settings that its authors released. Shapes: B images, C channels, P points.
"""

import torch
from torch import Tensor


def crf_energies(
    colours: Tensor,
    codes: Tensor,
    points: Tensor,
    *,
    alpha: float = 0.5,
    beta: float = 0.15,
    gamma: float = 0.05,
    weights: tuple[float, float] = (10.0, 3.0),
    shift: float = 0.0,
) -> Tensor:
    """Energy of every pair of points, (B, P, P); the mean is to be minimised.

    Args:
        colours: float (B, 3, H, W).
        codes: float (B, C, H, W), of unit length.
        points: int64 (2, P), rows and columns.
        alpha, beta, gamma: Widths of the kernels: of distance beside colour, of colour, and of distance alone.
        weights: Of the kernel of distance and colour, and of that of distance alone.
        shift: Taken from the kernels; with a positive one, pairs unlike in both are pushed apart.
    """
    rows, columns = points
    where = points.to(colours)
    distance = (where[:, :, None] - where[:, None]).square().sum(dim=0)
    colours, codes = colours[:, :, rows, columns], codes[:, :, rows, columns]
    difference = (colours[:, :, :, None] - colours[:, :, None]).square().sum(dim=1)
    similar = torch.einsum("bcp,bcq->bpq", codes, codes)
    both = torch.exp(-distance / (2 * alpha) - difference / (2 * beta))
    kernel = weights[0] * both + weights[1] * torch.exp(-distance / (2 * gamma)) - shift
    return -similar * kernel
