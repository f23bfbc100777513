"""The levels on a ViT: how large they are, where they lie, and who learns."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from maskdistill.stages.networks.vit import VisionBackbone, build_backbone
from maskdistill.stages.networks.vit_pyramid import STRIDES, VitPyramid
from maskdistill.stages.networks.vit_weights import Architecture
from maskdistill.stages.vit_backbone_config import Upsample


def small_vit(patch_size: int) -> VisionBackbone:
    shape = {"img_size": 4 * patch_size, "patch_size": patch_size, "depth": 1, "embed_dim": 24, "num_heads": 3}
    return build_backbone(Architecture("vit_tiny_patch16_224", shape))


class MeanOfPatches(VisionBackbone):
    """Instead of tokens, the mean of the pixels of each patch."""

    def patch_maps(self, images: Tensor, blocks: Sequence[int]) -> list[Tensor]:
        return [F.avg_pool2d(images, self.patch_size) for _ in blocks]


@pytest.mark.parametrize("upsample", ["interpolate", "deconvolve"])
@pytest.mark.parametrize("patch_size", [8, 14, 16, 32])
def test_strides_are_what_they_are_said_to_be(patch_size: int, upsample: Upsample) -> None:
    levels = VitPyramid(small_vit(patch_size), 8, upsample)(torch.randn(2, 3, 64, 96))
    assert [level.shape for level in levels] == [(2, 8, 64 // stride, 96 // stride) for stride in STRIDES]


@pytest.mark.parametrize("patch_size", [8, 12, 14, 16])
def test_cells_lie_where_they_are_in_the_image(patch_size: int) -> None:
    """On a ramp, each cell has the value of the ramp at its centre."""
    vit = small_vit(patch_size)
    pyramid = VitPyramid(MeanOfPatches(vit.model, vit.architecture), 8, "interpolate")
    cells = pyramid.cells(torch.arange(192.0).expand(1, 3, 160, 192))
    assert cells.shape[2:] == (160 // pyramid.stride, 192 // pyramid.stride)
    centres = pyramid.stride * (torch.arange(cells.shape[3]) + 0.5) - 0.5
    # The outermost cells may reach beyond the middle of the outermost patch, or into the padding.
    torch.testing.assert_close(cells[0, 0, 0, 1:-1], centres[1:-1])


def test_frozen_vits_get_no_gradient_and_others_do() -> None:
    pyramid = VitPyramid(small_vit(8), 8, "deconvolve")
    images = torch.randn(1, 3, 32, 32)
    sum(level.square().mean() for level in pyramid(images)).backward()
    assert all((parameter.grad is None) == (".vit." in f".{name}") for name, parameter in pyramid.named_parameters())
    pyramid.vit.requires_grad_()
    sum(level.square().mean() for level in pyramid(images)).backward()
    assert all(parameter.grad is not None for parameter in pyramid.parameters())
