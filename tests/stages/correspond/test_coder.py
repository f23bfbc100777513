"""What the head sees of tokens, by hand."""

from typing import Any

import pytest
import torch

from maskdistill.stages.correspond.coder import PatchCoder
from maskdistill.stages.correspond.config import CorrespondConfig

TOKENS = torch.tensor([[[[12.0, 8.0]], [[4.0, 12.0]]]])
"""Of one image of 1 x 2 patches: (1, 2, 1, 2)."""
MEAN, STD = torch.tensor([8.0, 4.0]), torch.tensor([2.0, 4.0])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [[2, 0], [0, 2]]),
        ({"centre": 1}, [[1, -1], [-1, 1]]),
        ({"centre": 0.5}, [[1.5, -0.5], [-0.5, 1.5]]),
        ({"keep_mean": True}, [[6, 4], [1, 3]]),
        ({"keep_mean": True, "centre": 1}, [[5, 3], [0, 2]]),
    ],
)
def test_tokens_as_the_head_sees_them(settings: dict[str, Any], expected: list[list[float]]) -> None:
    coder = PatchCoder(CorrespondConfig.model_validate({"method": "kmeans", **settings}), dim=2, n_clusters=3)
    coder.standard.set(MEAN, STD)
    assert torch.allclose(coder.prepared(TOKENS)[0, :, 0], torch.tensor(expected, dtype=torch.float32))


def test_a_mean_that_is_not_kept_is_not_in_the_key() -> None:
    assert "keep_mean" not in CorrespondConfig().used()
    assert CorrespondConfig(keep_mean=True).used()["keep_mean"] is True
