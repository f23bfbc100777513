"""The segmenter's features from a Vision Transformer: its tokens as a map, as it is or made finer."""

from math import log2

from timm.layers.norm import LayerNorm2d
from torch import Tensor, nn

from maskdistill.stages.networks.vit import VisionBackbone
from maskdistill.stages.networks.vit_tokens import VitTokens
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
        tokens: Gives the ViT's map (B, D, h, w).
        finer: From that map, standardised, to the features.
    """

    def __init__(self, config: SegmentVitConfig, vit: VisionBackbone) -> None:
        super().__init__()
        self.tokens = VitTokens(vit, config.blocks_of(vit.n_blocks))
        self.width, layers = self.tokens.dim, list[nn.Module]()
        if config.upsample == "learnt":
            doublings = max(0, round(log2(vit.patch_size / _LEARNT_STRIDE)))
            layers, self.width = _finer(self.tokens.dim, _LEARNT_CHANNELS, doublings), _LEARNT_CHANNELS
        self.finer = nn.Sequential(*layers)

    @property
    def neck(self) -> nn.Module:
        """From the tokens as the ViT gives them to the features (B, width, ...)."""
        return nn.Sequential(self.tokens.standard, self.finer)

    def forward(self, images: Tensor) -> Tensor:
        """Features of images uint8 (B, 3, H, W) RGB: (B, width, h, w), h x w patches or finer."""
        features: Tensor = self.neck(self.tokens(images))
        return features


def _finer(dim: int, channels: int, doublings: int) -> list[nn.Module]:
    """Layers that double height and width so many times, each by a transposed convolution."""
    layers: list[nn.Module] = [nn.Conv2d(dim, channels, kernel_size=1), LayerNorm2d(channels)]
    for _ in range(doublings):
        layers += [nn.GELU(), nn.ConvTranspose2d(channels, channels, kernel_size=2, stride=2), LayerNorm2d(channels)]
    return [*layers, nn.GELU()]
