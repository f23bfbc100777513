"""The mean patch key of the training images, for `mine.affinity.center_keys: dataset`.

Shapes: B images, H heads, N patches, d channels per head.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maskdistill.stages.contract import StageInputs
from maskdistill.stages.parts import Advance, PartJob, PartReport, compute_parts
from maskdistill.stages.training.precision import float32_products

_SUM = "sum.npz"

KeysOf = Callable[[range], Iterable[Tensor]]
"""Gives the patch keys, (B, H, N, d), of some images, batch by batch."""


def dataset_key_mean(job: PartJob, inputs: StageInputs, folder: Path, advance: Advance) -> Tensor:
    """Mean over all patches of the training images, float32 (H, d); resumable by parts in `folder`.

    Args:
        job: Opens a `KeySum`.
        inputs: The images, and how parts are made.
        folder: Where the parts rest.
        advance: Told of the images that are done.
    """
    n_images, part_size = inputs.source.n_train, inputs.execution.part_size
    total, count = np.zeros(()), 0
    for part in compute_parts(job, folder, n_images, part_size, inputs.engine, advance).folders:
        with np.load(part / _SUM) as found:
            total, count = total + found["total"], count + int(found["count"])
    return torch.from_numpy(np.asarray(total / max(count, 1), dtype=np.float32))


@dataclass(frozen=True, eq=False)
class KeySum:
    """Writes the sum of the patch keys of some images, and how many patches there are."""

    keys_of: KeysOf

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Write `sum.npz`: `total`, float64 (H, d), and `count`."""
        total, count = torch.zeros(()), 0
        with float32_products(tf32=False):
            for keys in self.keys_of(items):
                total = total + keys.double().sum(dim=(0, 2)).cpu()
                count += keys.shape[0] * keys.shape[2]
        np.savez(folder / _SUM, total=total.numpy(), count=count)
        advance(len(items))
        return PartReport(len(items))
