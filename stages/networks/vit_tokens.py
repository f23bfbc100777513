"""The tokens behind some blocks of a ViT as one map, for layers that learn on them.

B images of H x W px, patches of S px, D channels = dimension of the ViT x number of blocks.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskdistill.stages.networks.resize import whole_patches
from maskdistill.stages.networks.standardise import Standardise
from maskdistill.stages.networks.vit import VisionBackbone


class VitTokens(nn.Module):
    """A ViT, and what brings its tokens to one scale.

    Args:
        vit: The ViT; it learns where its parameters require gradients.
        blocks: Those that the tokens are taken behind.

    Attributes:
        dim: D.
        standard: Has to be told the scale of the tokens; it is applied by what learns on them.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, vit: VisionBackbone, blocks: Sequence[int]) -> None:
        super().__init__()
        self.vit, self.blocks = vit, tuple(blocks)
        self.dim = vit.dim * len(self.blocks)
        self.standard = Standardise(self.dim)
        for buffer, values in {"mean": vit.mean, "std": vit.std}.items():
            self.register_buffer(buffer, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """The map, float (B, D, h, w), of images (B, 3, H, W) RGB in 0-255 brought to whole patches."""
        pixels = images.float() / 255
        height, width = images.shape[2:]
        if _is_traced():  # which wraps sizes, and they cannot be rounded then; a traced network has one size
            height, width = int(height), int(width)
        size_hw = whole_patches((height, width), self.vit.patch_size)
        if size_hw != tuple(images.shape[2:]):
            pixels = F.interpolate(pixels, size=size_hw, mode="bilinear", antialias=True)
        return torch.cat(self.vit.patch_maps((pixels - self.mean) / self.std, self.blocks), dim=1)

    @torch.inference_mode()
    def standardise_like(self, images: Iterable[Tensor]) -> None:
        """Take the scale of the tokens from those of some images, uint8 (3, H, W) RGB."""
        found = torch.cat([self(image[None]).flatten(2)[0] for image in images], dim=1)
        self.standard.set(found.mean(dim=1), found.std(dim=1).clamp(min=1e-6))


def _is_traced() -> bool:
    """Whether TorchScript records what is computed."""
    return bool(torch.jit.is_tracing())  # type: ignore[attr-defined, no-untyped-call]
