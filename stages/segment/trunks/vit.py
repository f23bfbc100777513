"""The segmenter's features from a Vision Transformer: the tokens behind some of its blocks, as one map.

B images of H x W px, patches of S px, D channels = dimension of the ViT x number of blocks.
"""

from collections.abc import Iterable
from math import log2

import torch
from timm.layers.norm import LayerNorm2d
from torch import Tensor, nn
from torch.nn import functional as F

from maskdistill.stages.networks.standardise import Standardise
from maskdistill.stages.networks.vit import VisionBackbone
from maskdistill.stages.segment.vit_config import SegmentVitConfig

_LEARNT_STRIDE = 4
_LEARNT_CHANNELS = 128


class VitTrunk(nn.Module):
    """A ViT and, on its map, what learns to make it finer.

    Args:
        config: Blocks, and how the map becomes finer.
        vit: The ViT; it learns where its parameters require gradients.

    Attributes:
        width: Channels of the features.
        neck: From the ViT's map (B, D, h, w) to the features.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: SegmentVitConfig, vit: VisionBackbone) -> None:
        super().__init__()
        self.vit, self.blocks = vit, config.blocks_of(vit.n_blocks)
        dim = vit.dim * len(self.blocks)
        self.neck = nn.Sequential(Standardise(dim))
        self.width = dim
        if config.upsample == "learnt":
            doublings = max(0, round(log2(vit.patch_size / _LEARNT_STRIDE)))
            self.neck.extend(_finer(dim, _LEARNT_CHANNELS, doublings))
            self.width = _LEARNT_CHANNELS
        for buffer, values in {"mean": vit.mean, "std": vit.std}.items():
            self.register_buffer(buffer, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    @property
    def standard(self) -> Standardise:
        """What brings all channels to one scale; it has to be told theirs."""
        first = self.neck[0]
        assert isinstance(first, Standardise)
        return first

    def forward(self, images: Tensor) -> Tensor:
        """Features of images uint8 (B, 3, H, W) RGB: (B, width, h, w), h x w patches or finer."""
        features: Tensor = self.neck(self.tokens(images))
        return features

    def tokens(self, images: Tensor) -> Tensor:
        """The ViT's map, float (B, D, h, w), of images uint8 (B, 3, H, W) RGB brought to whole patches."""
        pixels, side = images.float() / 255, self.vit.patch_size
        size_hw = [max(1, round(length / side)) * side for length in images.shape[2:]]
        if size_hw != list(images.shape[2:]):
            pixels = F.interpolate(pixels, size=size_hw, mode="bilinear", antialias=True)
        return torch.cat(self.vit.patch_maps((pixels - self.mean) / self.std, self.blocks), dim=1)

    @torch.inference_mode()
    def standardise_like(self, images: Iterable[Tensor]) -> None:
        """Take mean and deviation of each channel from those of some images, uint8 (3, H, W) RGB."""
        found = torch.cat([self.tokens(image[None]).flatten(2)[0] for image in images], dim=1)
        self.standard.set(found.mean(dim=1), found.std(dim=1).clamp(min=1e-6))


def _finer(dim: int, channels: int, doublings: int) -> list[nn.Module]:
    """Layers that double height and width so many times, each by a transposed convolution."""
    layers: list[nn.Module] = [nn.Conv2d(dim, channels, kernel_size=1), LayerNorm2d(channels)]
    for _ in range(doublings):
        layers += [nn.GELU(), nn.ConvTranspose2d(channels, channels, kernel_size=2, stride=2), LayerNorm2d(channels)]
    return [*layers, nn.GELU()]
