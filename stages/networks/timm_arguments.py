"""Arguments of timm that shape a Vision Transformer. No torch."""

from typing import Literal

Override = Literal["img_size", "patch_size", "embed_dim", "depth", "num_heads"]
"""One that differs from timm's own, in a configuration or in a file of weights."""
