"""STEGO's shifts without labels, from how alike the tokens of pairs of patches are.

Codes are to be alike where features are more alike than usual; a shift says what is usual for pairs of one kind. The
authors' rule is to look at how alike codes become: random pairs should be mostly different, and some pairs of an image
with itself or its neighbours the same. What is above which number, on the mean over some batches:

- `auto`: half a standard deviation below the mean. On the whole, pairs are then drawn together, so that a background
  that fills most of all images stays one, and what is far less alike than usual is pushed apart. With the mean itself,
  the background falls apart; from a whole deviation below it, all patches can become one.
- `otsu`: Otsu's threshold.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from maskdistill.stages.correspond.correlation import centred
from maskdistill.stages.correspond.methods.stego_config import PerPair, ShiftRule
from maskdistill.stages.correspond.pairs import Pairs
from maskdistill.stages.otsu import otsu_threshold

Batch = tuple[Tensor, Tensor]
"""Tokens of images, and of images similar to each, (B, D, S, S), as the head sees them."""

_BELOW_MEAN = 0.5


def choose_shifts(batches: Iterable[Batch], points: int, others: int, *, centre: bool, rule: ShiftRule) -> PerPair:
    """The shift of each kind of pair.

    Args:
        batches: Some batches, on the CPU.
        points: Points along a side at which images are compared, drawn from torch's generator.
        others: Random other images that an image is compared with.
        centre: Whether correlations are centred before they are compared with the shift.
        rule: What is read off the correlations.
    """
    alike: dict[str, list[Tensor]] = {"same": [], "similar": [], "other": []}
    for tokens, similar in batches:
        compared = Pairs.draw(len(tokens), points, others, tokens.device).seen(tokens, similar).compare()
        for kind, found in compared.items():
            alike[kind] += [(centred(one) if centre else one).flatten() for one in found]
    choose = _below_mean if rule == "auto" else _otsu
    return PerPair(**{kind: choose(torch.cat(found)) for kind, found in alike.items()})


def _below_mean(values: Tensor) -> float:
    return float(values.mean() - _BELOW_MEAN * values.std())


def _otsu(values: Tensor) -> float:
    return otsu_threshold(values.cpu().numpy())
