"""STEGO's shifts without labels: as many pairs of patches are drawn together as one would expect to be of one class.

The authors' rule is to look at how alike codes become and to move the shifts until random pairs of patches are mostly
different and some pairs of an image with itself or its neighbours the same. Here K-means of the tokens says how many:
the fraction of pairs of one kind whose patches fall into one cluster is the fraction that lies above the shift.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from maskdistill.stages.correspond.correlation import centred
from maskdistill.stages.correspond.methods.stego_config import PerPair
from maskdistill.stages.correspond.pairs import Pairs, agreement

Batch = tuple[Tensor, Tensor]
"""Tokens of images, and of images similar to each, (B, D, S, S), as the head sees them."""


def choose_shifts(batches: Iterable[Batch], k: int, points: int, others: int, seed: int, *, centre: bool) -> PerPair:
    """The shift of each kind of pair.

    Args:
        batches: Some batches, on the CPU.
        k: Number of clusters.
        points: Points along a side at which images are compared.
        others: Random other images that an image is compared with.
        seed: Of K-means; points are drawn from torch's generator.
        centre: Whether correlations are centred before they are compared with the shift.
    """
    seen = [Pairs.draw(len(tokens), points, others, tokens.device).seen(tokens, similar) for tokens, similar in batches]
    rows = torch.cat([_unit_rows(one.here) for one in seen])
    kmeans = MiniBatchKMeans(n_clusters=k, n_init=3, random_state=seed).fit(rows.numpy())

    def labels(values: Tensor) -> Tensor:
        found = torch.from_numpy(kmeans.predict(_unit_rows(values).numpy()))
        return found.reshape(len(values), *values.shape[2:])

    alike: dict[str, list[Tensor]] = {"same": [], "similar": [], "other": []}
    agreeing: dict[str, list[Tensor]] = {kind: [] for kind in alike}
    for batch in seen:
        for kind, found in batch.compare().items():
            alike[kind] += [(centred(one) if centre else one).flatten() for one in found]
        for kind, found in agreement(
            labels(batch.here), labels(batch.there), [labels(one) for one in batch.others]
        ).items():
            agreeing[kind] += [one.mean() for one in found]
    return PerPair(**{kind: _above(torch.cat(alike[kind]), torch.stack(agreeing[kind]).mean()) for kind in alike})


def _above(values: Tensor, share: Tensor) -> float:
    """The number that a share of the values exceeds."""
    ordered = values.sort().values
    return float(ordered[min(len(ordered) - 1, int((1 - share) * len(ordered)))])


def _unit_rows(values: Tensor) -> Tensor:
    """Values (B, C, a, a) as rows (n, C) of length 1."""
    return F.normalize(values.permute(0, 2, 3, 1).flatten(0, 2), dim=1)
