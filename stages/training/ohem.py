"""Online hard example mining for pixels: learn from the pixels that the model gets most wrong."""

import torch
import torch.nn.functional as F
from torch import Tensor

from maskdistill.stages.segment.config import KeepOf


def ohem_cross_entropy(
    logits: Tensor, target: Tensor, keep_fraction: float, ignore_index: int = 255, keep_of: KeepOf = "all"
) -> Tensor:
    """Mean cross-entropy of the hardest pixels of a batch (section 5 of the paper).

    Args:
        logits: (B, C, ...) of any float type; computed in float32.
        target: integers (B, ...), a class below C or `ignore_index`.
        keep_fraction: Fraction of the batch's pixels that count, 0-1; rounded down to whole pixels, at least one, at
            most the number of valid ones.
        ignore_index: Target of pixels that count nowhere.
        keep_of: What the share is of: "all" pixels, ignored ones included (the published code), or "valid" ones. Where
            crops reach beyond their images, a fifth of all pixels is up to a third of the valid ones.

    Returns:
        float32 scalar. Where every pixel is ignored it is 0, with a gradient (of zeros), so that a training step works.
    """
    target = target.long()
    losses = F.cross_entropy(logits.float(), target, ignore_index=ignore_index, reduction="none")
    valid = losses[target != ignore_index]
    if not valid.numel():
        return logits.float().sum() * 0
    pixels = target.numel() if keep_of == "all" else valid.numel()
    count = min(max(1, int(keep_fraction * pixels)), valid.numel())
    return torch.topk(valid, count, sorted=False).values.mean()
