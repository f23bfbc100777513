"""Samples of stored tokens."""

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.segmentation import halves_of, make_halves
from helpers.stored_features import with_features
from maskdistill.data.arrays import IGNORE, UInt8Array
from maskdistill.data.catalog import FEATURES
from maskdistill.data.stores.features import FeatureStore
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.features.crops import LABELS_PER_PATCH, TokenCrops, collate


@pytest.fixture
def features(tmp_path: Path) -> FeatureStore:
    """Of six images, the first 60 x 80 px: 96 x 128 px resized, 6 x 8 patches."""
    inputs = StageInputs(make_halves(), {}, execution=ExecutionConfig(device="cpu"))
    return FEATURES.open(with_features(inputs, tmp_path / "features").artifacts)


def crops(features: FeatureStore, patches: int, flip: float = 0.0) -> TokenCrops:
    return TokenCrops(features, ["photo0", "photo2"], lambda item: halves_of(2 * item), patches, flip)


def test_what_lies_beyond_the_image_is_ignored(features: FeatureStore) -> None:
    image_id, (tokens, labels) = crops(features, 10).load(0)
    assert image_id == "photo0"
    assert np.array_equal(tokens[:, :6, :8].permute(1, 2, 0).numpy(), features.read(features.index("photo0")))
    assert torch.equal(tokens[:, 7, 9], torch.from_numpy(features.mean.astype(np.float16)))
    n = LABELS_PER_PATCH
    assert (labels[: 6 * n, : 4 * n] == 0).all()
    assert (labels[: 6 * n, 4 * n : 8 * n] == 1).all()
    assert (labels[6 * n :] == IGNORE).all()
    assert (labels[:, 8 * n :] == IGNORE).all()


def test_a_crop_keeps_tokens_and_labels_together(features: FeatureStore) -> None:
    whole = features.read(features.index("photo0")).astype(np.float32)
    seen = set()
    for seed in range(12):
        torch.manual_seed(seed)
        _, (tokens, labels) = crops(features, 3).load(0)
        match = [
            (row, column)
            for row in range(4)
            for column in range(6)
            if np.array_equal(tokens.permute(1, 2, 0).float().numpy(), whole[row : row + 3, column : column + 3])
        ]
        assert len(match) == 1
        column = match[0][1]
        seen.add(match[0])
        expected = np.repeat((np.arange(column, column + 3) >= 4).astype(np.uint8), LABELS_PER_PATCH)
        assert np.array_equal(labels.numpy(), np.broadcast_to(expected, labels.shape))
    assert len(seen) > 5


def test_the_mirror_image_comes_with_mirrored_labels(features: FeatureStore) -> None:
    _, (tokens, labels) = crops(features, 10, flip=1.0).load(0)
    mirrored = features.read(features.index("photo0"), mirrored=True)
    assert np.array_equal(tokens[:, :6, :8].permute(1, 2, 0).numpy(), mirrored)
    assert (labels[0, :16] == 1).all()
    assert (labels[0, 16:32] == 0).all()


def test_batches_are_stacked(features: FeatureStore) -> None:
    data = crops(features, 4)
    tokens, labels = collate([data.load(item)[1] for item in (0, 1)])
    assert tokens.shape == (2, features.dim, 4, 4)
    assert labels.shape == (2, 16, 16)


def test_labels_of_an_image_are_asked_for_once(features: FeatureStore) -> None:
    asked: list[int] = []

    def labels(item: int) -> UInt8Array:
        asked.append(item)
        return halves_of(2 * item)

    data = TokenCrops(features, ["photo0", "photo2"], labels, 3, 0.0)
    for item in (0, 1, 0, 1, 0):
        data.load(item)
    assert asked == [0, 1]
