"""Online hard example mining for pixels: learn from the pixels that the model gets most wrong."""

import torch
import torch.nn.functional as F
from torch import Tensor


def ohem_cross_entropy(logits: Tensor, target: Tensor, keep_fraction: float, ignore_index: int = 255) -> Tensor:
    """Mean cross-entropy of the hardest pixels of a batch (section 5 of the method).

    Args:
        logits: (B, C, ...) of any float type; computed in float32.
        target: integers (B, ...), a class below C or `ignore_index`.
        keep_fraction: Share of ALL pixels of the batch that count, ignored ones included, 0-1; rounded down to whole
            pixels, at least one, at most the number of valid ones.
        ignore_index: Target of pixels that count nowhere.

    Returns:
        float32 scalar. Where every pixel is ignored it is 0, with a gradient (of zeros), so that a training step works.
    """
    target = target.long()
    losses = F.cross_entropy(logits.float(), target, ignore_index=ignore_index, reduction="none")
    valid = losses[target != ignore_index]
    if not valid.numel():
        return logits.float().sum() * 0
    count = min(max(1, int(keep_fraction * target.numel())), valid.numel())
    return torch.topk(valid, count, sorted=False).values.mean()
