"""The mean patch key of the training images, for `center_keys: dataset`.

Shapes: B images, H heads, N patches, d channels per head.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maskdistill.data.parts import compute_parts


def dataset_key_mean(
    folder: Path,
    n_images: int,
    part_size: int,
    keys_of: Callable[[range], Iterable[Tensor]],
    on_done: Callable[[int], None],
) -> Tensor:
    """Mean over all patches of the first `n_images` images, float32 (H, d); resumable by parts in `folder`.

    Args:
        folder: Where the parts rest.
        n_images: How many images are averaged.
        part_size: Images per part.
        keys_of: Gives the patch keys, (B, H, N, d), of some images, batch by batch.
        on_done: Told the number of images of each part that is done.
    """

    def compute(items: range, path: Path) -> None:
        total, count = torch.zeros(()), 0
        for keys in keys_of(items):
            total = total + keys.double().sum(dim=(0, 2)).cpu()
            count += keys.shape[0] * keys.shape[2]
        with path.open("wb") as file:
            np.savez(file, total=total.numpy(), count=count)
        on_done(len(items))

    total, count = np.zeros(()), 0
    for path in compute_parts(folder, n_images, part_size, compute, on_done):
        with np.load(path) as part:
            total, count = total + part["total"], count + int(part["count"])
    return torch.from_numpy(np.asarray(total / max(count, 1), dtype=np.float32))
