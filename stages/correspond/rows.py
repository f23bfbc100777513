"""Rows for K-means and for nearest neighbours, from the stored tokens of the training images.

Shapes: N windows, D numbers a patch, C numbers a code.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from maskdistill.data.stores.features import FeatureStore
from maskdistill.stages.correspond.coder import PatchCoder
from maskdistill.stages.correspond.windows import Windows


def window_means(features: FeatureStore, images: NDArray[np.int64], windows: Windows) -> NDArray[np.float32]:
    """The mean token of each window, in units of the deviation and of length 1, float32 (N, D)."""
    found = np.empty((len(windows), features.dim), dtype=np.float32)
    tokens, at = np.zeros((0, 0, 0), dtype=np.float16), -1
    for item in range(len(windows)):
        if windows.image(item) != at:
            at = windows.image(item)
            tokens = features.read(int(images[at]))
        rows, columns = windows.cut(item, tokens.shape[:2]) if windows.five else (slice(None), slice(None))
        found[item] = tokens[rows, columns].reshape(-1, features.dim).mean(axis=0, dtype=np.float32)
    found = (found - features.mean) / features.std
    unit: NDArray[np.float32] = found / np.linalg.norm(found, axis=1, keepdims=True).clip(min=1e-12)
    return unit


@torch.inference_mode()
def code_rows(
    coder: PatchCoder, features: FeatureStore, images: NDArray[np.int64], most: int, seed: int, *, mirror: bool
) -> NDArray[np.float32]:
    """Codes of random patches of images, as many of each, float32 (n, C), of length 1; n is at most `most`.

    Of more than `most` images, so many are drawn, with one patch each.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(images, min(len(images), most), replace=False))
    each = max(1, most // len(chosen))
    rows = []
    for image in chosen:
        codes = coder.codes_of(features, int(image), mirror=mirror).flatten(1).T.cpu().numpy()
        rows.append(codes[rng.permutation(len(codes))[:each]])
    return np.concatenate(rows)
