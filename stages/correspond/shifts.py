"""STEGO's shifts without labels: as many pairs of patches are drawn together as one would expect to be of one class.

The authors' rule is to look at how alike codes become and to move the shifts until random pairs of patches are mostly
different and some pairs of an image with itself or its neighbours the same. Here one of three things says how many:

- `auto`: K-means of the tokens. The fraction of pairs of one kind whose patches fall into one cluster is the fraction
  that lies above the shift. Its clusters are of similar size, and so must classes be.
- `otsu`: Otsu's threshold on how alike the pairs of one kind are. A background that fills most of all images stays one.
- `below_mean`: half a standard deviation below the mean. Where the background fills most of all images, most pairs are
  of one class: on the whole they are drawn together, and what is far less alike than usual is pushed apart. At the mean
  itself the background falls apart; from a whole deviation below it, all patches can become one.
"""

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from maskdistill.data.errors import InputError
from maskdistill.stages.correspond.correlation import centred
from maskdistill.stages.correspond.methods.stego_config import PerPair, ShiftRule
from maskdistill.stages.correspond.pairs import Pairs, Seen, agreement
from maskdistill.stages.otsu import otsu_threshold

Batch = tuple[Tensor, Tensor]
"""Tokens of images, and of images similar to each, (B, D, S, S), as the head sees them."""

_BELOW_MEAN = 0.5


def choose_shifts(
    batches: Iterable[Batch], k: int, points: int, others: int, seed: int, *, centre: bool, rule: ShiftRule
) -> PerPair:
    """The shift of each kind of pair.

    Args:
        batches: Some batches, on the CPU.
        k: Number of clusters.
        points: Points along a side at which images are compared.
        others: Random other images that an image is compared with.
        seed: Of K-means; points are drawn from torch's generator.
        centre: Whether correlations are centred before they are compared with the shift.
        rule: What says how many pairs are drawn together.

    Raises:
        InputError: There are fewer points than clusters.
    """
    seen = [Pairs.draw(len(tokens), points, others, tokens.device).seen(tokens, similar) for tokens, similar in batches]
    alike: dict[str, list[Tensor]] = {"same": [], "similar": [], "other": []}
    for batch in seen:
        for kind, found in batch.compare().items():
            alike[kind] += [(centred(one) if centre else one).flatten() for one in found]
    values = {kind: torch.cat(found) for kind, found in alike.items()}
    if rule == "otsu":
        return PerPair(**{kind: otsu_threshold(found.cpu().numpy()) for kind, found in values.items()})
    if rule == "below_mean":
        return PerPair(**{kind: float(found.mean() - _BELOW_MEAN * found.std()) for kind, found in values.items()})
    shares = _in_one_cluster(seen, k, seed)
    return PerPair(**{kind: _above(found, shares[kind]) for kind, found in values.items()})


def _in_one_cluster(seen: Sequence[Seen], k: int, seed: int) -> dict[str, Tensor]:
    """The fraction of pairs of each kind whose patches K-means puts into one cluster."""
    rows = torch.cat([_unit_rows(one.here) for one in seen])
    if len(rows) < k:
        raise InputError(f"correspond.stego.points: {len(rows)} points in all for {k} clusters; raise it, or lower k")
    kmeans = MiniBatchKMeans(n_clusters=k, n_init=3, random_state=seed).fit(rows.numpy())

    def labels(values: Tensor) -> Tensor:
        found = torch.from_numpy(kmeans.predict(_unit_rows(values).numpy()))
        return found.reshape(len(values), *values.shape[2:])

    agreeing: dict[str, list[Tensor]] = {}
    for one in seen:
        found = agreement(labels(one.here), labels(one.there), [labels(other) for other in one.others])
        for kind, pairs in found.items():
            agreeing.setdefault(kind, []).extend(pair.mean() for pair in pairs)
    return {kind: torch.stack(found).mean() for kind, found in agreeing.items()}


def _above(values: Tensor, share: Tensor) -> float:
    """The number that a share of the values exceeds."""
    ordered = values.sort().values
    return float(ordered[min(len(ordered) - 1, int((1 - share) * len(ordered)))])


def _unit_rows(values: Tensor) -> Tensor:
    """Values (B, C, a, a) as rows (n, C) of length 1."""
    return F.normalize(values.permute(0, 2, 3, 1).flatten(0, 2), dim=1)
