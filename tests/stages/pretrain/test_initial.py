"""The weights that pre-training starts from."""

import torch

from maskdistill.stages.pretrain.initial import whiten_patches


def test_whitened_patches_are_uncorrelated() -> None:
    views = torch.rand(200, 3, 16, 16, generator=torch.Generator().manual_seed(0)).cumsum(
        dim=3
    )  # strongly correlated pixels
    embedding = torch.nn.Conv2d(3, 60, 4, 4)
    whiten_patches(embedding, views)
    outputs = embedding(views).flatten(2).transpose(1, 2).flatten(0, 1)
    torch.testing.assert_close(outputs.mean(0), torch.zeros(60), rtol=0, atol=1e-3)
    covariance = outputs[:, :48].T.cov()
    off_diagonal = covariance - covariance.diag().diag()
    assert off_diagonal.abs().max() < 1e-3
    assert covariance[0, 0] > covariance[47, 47]
    assert outputs[:, 48:].std(dim=0).min() > 0.01  # more dimensions than a patch has values: mixtures
