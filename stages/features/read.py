"""Reading stored tokens as networks take them."""

import torch
from torch import Tensor

from maskdistill.data.stores.features import FeatureStore


def stored_tokens(features: FeatureStore, index: int, device: torch.device, *, mirrored: bool = False) -> Tensor:
    """Tokens of an image, or of its mirror image, as a batch of one, float16 (1, D, h, w)."""
    tokens = torch.from_numpy(features.read(index, mirrored=mirrored)).to(device)
    return tokens.permute(2, 0, 1)[None]
