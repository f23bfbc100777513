"""The simple feature pyramid of ViTDet (arXiv 2203.16527, section 3): four strides, all from one map of a ViT.

Shapes: B images of H x W px, S = patch size (px), D = dimension of the ViT, C = channels of each level.
"""

from math import log2

from timm.layers.norm import LayerNorm2d
from torch import Tensor, nn
from torch.nn import functional as F

from maskdistill.stages.networks.vit import VisionBackbone
from maskdistill.stages.vit_backbone_config import Upsample

STRIDES = (4, 8, 16, 32)
"""Image px per px of each level."""


class VitPyramid(nn.Module):
    """A ViT and four levels on its last map.

    Args:
        vit: The ViT; it learns where its parameters require gradients.
        channels: C.
        upsample: How the finer levels are made.
    """

    def __init__(self, vit: VisionBackbone, channels: int, upsample: Upsample) -> None:
        super().__init__()
        self.vit = vit
        # Patches of 14 px are taken for cells of 16 px, and resampled to them.
        self.stride = int(2 ** round(log2(vit.patch_size)))
        self.levels = nn.ModuleList(_level(vit.dim, channels, self.stride / stride, upsample) for stride in STRIDES)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Levels float (B, C, H / stride, W / stride), finest first.

        Args:
            images: float (B, 3, H, W), normalised; H and W are multiples of 32.
        """
        cells = self._cells(images)
        return [level(cells) for level in self.levels]

    def _cells(self, images: Tensor) -> Tensor:
        """The ViT's last map with square cells of `self.stride` px, float (B, D, H / stride, W / stride)."""
        side = self.vit.patch_size
        height, width = images.shape[2:]
        if side != self.stride:
            images = F.pad(images, (0, -width % side, 0, -height % side))
        (patches,) = self.vit.patch_maps(images, [-1])
        if side == self.stride:
            return patches
        # By a factor, not to a size: each cell then lies exactly where it is in the image.
        cells = F.interpolate(patches, scale_factor=side / self.stride, mode="bilinear")
        return cells[:, :, : height // self.stride, : width // self.stride]


def _level(dim: int, channels: int, factor: float, upsample: Upsample) -> nn.Module:
    """From a map of D channels to a level that has `factor`, a power of 2, times its height and width."""
    doublings, width = round(log2(factor)), dim
    before: list[nn.Module] = []
    between: list[nn.Module] = []
    if doublings < 0:
        before = [nn.MaxPool2d(2**-doublings)]
    elif doublings and upsample == "interpolate":
        # Behind the narrowing, which costs least where there are fewest cells.
        between = [nn.Upsample(scale_factor=factor, mode="bilinear")]
    else:
        before, width = _deconvolutions(dim, doublings), dim // 2**doublings
    return nn.Sequential(
        *before,
        nn.Conv2d(width, channels, kernel_size=1, bias=False),
        LayerNorm2d(channels),
        *between,
        nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
        LayerNorm2d(channels),
    )


def _deconvolutions(dim: int, doublings: int) -> list[nn.Module]:
    """Layers that so many times double height and width and halve the channels."""
    layers: list[nn.Module] = []
    for width in (dim // 2**doubling for doubling in range(doublings)):
        layers += [LayerNorm2d(width), nn.GELU()] if layers else []
        layers.append(nn.ConvTranspose2d(width, width // 2, kernel_size=2, stride=2))
    return layers
