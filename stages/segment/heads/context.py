"""How the features of a pixel take in context: attention over an image, and fusion (MCIBI, section 3.2).

B images, C channels, h x w px of the features.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def convolution(inputs: int, outputs: int, kernel_size: int = 1) -> nn.Sequential:
    """A convolution that keeps height and width, batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class Attention(nn.Module):
    """Every pixel gathers context from all pixels of its image, by how well its query fits their keys.

    Args:
        channels: C.
        inner: Channels of queries, keys and values.
    """

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.query = nn.Sequential(convolution(channels, inner), convolution(inner, inner))
        self.key = nn.Sequential(convolution(channels, inner), convolution(inner, inner))
        self.value = convolution(channels, inner)
        self.out = convolution(inner, channels)

    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """What the features look for in the context, both (B, C, h, w); so is the result."""
        parts = (self.query(features), self.key(context), self.value(context))
        query, key, value = (part.flatten(2).transpose(1, 2)[:, None] for part in parts)
        found = F.scaled_dot_product_attention(query, key, value)[:, 0].transpose(1, 2)
        refined: Tensor = self.out(found.reshape(features.shape[0], -1, *features.shape[2:]))
        return refined


class Fusion(nn.Module):
    """Features with the context of the data set, and with that of the image.

    Args:
        channels: C.
        inner: Channels of the attention.
        outputs: Channels of the result.
        slots: Contexts of the data set; 0 = none.
        image_context: Whether there is one of the image.
    """

    def __init__(self, channels: int, inner: int, outputs: int, slots: int, *, image_context: bool) -> None:
        super().__init__()
        self.attention = nn.ModuleList(Attention(channels, inner) for _ in range(slots))
        self.join = convolution(slots * channels, channels) if slots > 1 else nn.Identity()
        self.fuse = convolution((1 + bool(slots)) * channels, outputs, kernel_size=3)
        self.image_attention = Attention(channels, inner) if image_context else None
        self.fuse_image = convolution(channels + outputs, outputs, kernel_size=3) if image_context else None

    def forward(self, features: Tensor, contexts: Tensor | None = None, image_context: Tensor | None = None) -> Tensor:
        """Features that know their context, (B, outputs, h, w).

        Args:
            features: (B, C, h, w).
            contexts: Those of the data set, (slots, B, C, h, w); None = there are none.
            image_context: That of the image, (B, C, h, w).
        """
        fused = self.fuse(features if contexts is None else torch.cat([features, self.refine(features, contexts)], 1))
        if self.image_attention is not None and self.fuse_image is not None and image_context is not None:
            fused = self.fuse_image(torch.cat([self.image_attention(features, image_context), fused], dim=1))
        result: Tensor = fused
        return result

    def refine(self, features: Tensor, contexts: Tensor) -> Tensor:
        """The context of the data set as attention over the image refines it, (B, C, h, w)."""
        found = [attend(features, context) for attend, context in zip(self.attention, contexts, strict=True)]
        refined: Tensor = self.join(torch.cat(found, dim=1))
        return refined
