"""Vision Transformers of timm as feature extractors: queries, keys, values, class token and maps, of any image size.

Shapes: B images, N patches, H heads, d channels per head, D = embedding dimension, S = patch size (px).
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from timm.layers.pos_embed_sincos import apply_rot_embed_cat
from torch import Tensor, nn
from torch.nn import functional as F

from maskdistill.data.errors import InputError
from maskdistill.stages.networks.normalise import Normalise, PixelStatistics, choose_statistics
from maskdistill.stages.networks.projections import PROJECTIONS, Projection
from maskdistill.stages.networks.vit_build import build_vit, weights_setting
from maskdistill.stages.networks.vit_weights import Architecture, load_weights, read_architecture
from maskdistill.stages.weights import WeightsSource, check_weights_file


class VisionBackbone(nn.Module):
    """A ViT, frozen and in evaluation mode as it comes; `requires_grad_()` and `train()` let it learn.

    Attributes:
        architecture: What `build_backbone` needs to make the same network again, its weights aside.
        patch_size: Side of a patch, px.
        pixels, mean, std: What the weights expect of pixels in 0-1, one value per channel.
        n_prefix: Tokens before the patches: the class token, then registers.
        n_heads: Attention heads per block.
        n_blocks: Number of blocks.
        dim: Embedding dimension D.
    """

    model: Any

    def __init__(self, model: nn.Module, architecture: Architecture) -> None:
        """`model` is the network that `build_vit` makes of the architecture."""
        super().__init__()
        self.model = model
        self.eval().requires_grad_(False)
        self.pixels = architecture.pixels or _statistics_of(model)
        self.mean, self.std = self.pixels
        self.architecture = architecture._replace(pixels=self.pixels)
        self.patch_size = int(self.model.patch_embed.patch_size[0])
        self.n_prefix = int(self.model.num_prefix_tokens)
        self.n_heads = int(self.model.blocks[0].attn.num_heads)
        self.n_blocks = len(self.model.blocks)
        self.dim = int(self.model.embed_dim)

    def queries_keys(self, images: Tensor, block: int | None = None) -> tuple[Tensor, Tensor]:
        """Raw queries and keys of one self-attention layer, two float (B, H, 1 + N, d): see `projections`."""
        found = self.projections(images, ("queries", "keys"), block)
        return found["queries"], found["keys"]

    def projections(
        self, images: Tensor, names: Collection[Projection], block: int | None = None
    ) -> dict[Projection, Tensor]:
        """Queries, keys or values of one self-attention layer: unscaled, after q/k norm and rotary embedding.

        Args:
            images: float (B, 3, height, width), normalised; sides are multiples of S.
            names: Which of them; the others are not computed, unless they lie between two of these.
            block: Index of the block, negative from the end; None = the last.

        Returns:
            Float (B, H, 1 + N, d) by name, class token first, registers dropped.

        Raises:
            InputError: There is no such block.
        """
        index = self.resolve_block(block)
        tokens, ropes = self._embed(images)
        for i in range(index):
            tokens = self._apply_block(i, tokens, ropes)
        target = self.model.blocks[index]
        rope = ropes[index] if ropes is not None else None
        projected = _project(target.attn, target.norm1(tokens), names)
        return {name: self._finish(target.attn, value, rope, name) for name, value in projected.items()}

    def class_token(self, images: Tensor) -> Tensor:
        """Class token after the final norm, float (B, D), of normalised images (B, 3, height, width)."""
        return self._norm(self._behind(images)[:, :1])[:, 0]

    def tokens(self, images: Tensor) -> Tensor:
        """Class token and patch tokens after the final norm, float (B, 1 + N, D), registers dropped."""
        last = self._behind(images)
        return self._norm(torch.cat([last[:, :1], last[:, self.n_prefix :]], dim=1))

    def patch_maps(self, images: Tensor, blocks: Sequence[int]) -> list[Tensor]:
        """Patch tokens behind some blocks as maps, in one forward pass: float (B, D, height / S, width / S) each.

        Args:
            images: float (B, 3, height, width), normalised; sides are multiples of S.
            blocks: Their indices, negative from the end. The tokens behind the last block went through the final norm,
                those behind others are as their block gives them.

        Raises:
            InputError: There is no such block.
        """
        indices = [self.resolve_block(block) for block in blocks]
        # In the order of the network, in which timm gives them.
        taken = sorted(set(indices))
        tokens: list[Tensor] = self.model.forward_intermediates(
            images, indices=taken, stop_early=True, output_fmt="NLC", intermediates_only=True
        )
        behind = dict(zip(taken, tokens, strict=True))
        last = self.n_blocks - 1
        if last in behind:
            behind[last] = self._norm(behind[last])
        shape = len(images), self.dim, images.shape[2] // self.patch_size, images.shape[3] // self.patch_size
        return [behind[index].transpose(1, 2).reshape(shape) for index in indices]

    def resolve_block(self, block: int | None, setting: str = "block") -> int:
        """Index from the front. Raises InputError, which names the setting, where the model has no such block."""
        index = self.n_blocks - 1 if block is None else block + self.n_blocks * (block < 0)
        if not 0 <= index < self.n_blocks:
            raise InputError(
                f"{setting}: {block} is out of range; this model has {self.n_blocks} blocks, "
                f"0 to {self.n_blocks - 1} or -{self.n_blocks} to -1"
            )
        return index

    def _embed(self, images: Tensor) -> tuple[Tensor, Any]:
        """Tokens before the first block, and the rotary embedding of each block or None."""
        embedded = self.model._pos_embed(self.model.patch_embed(images))
        tokens, rope = embedded if isinstance(embedded, tuple) else (embedded, None)
        if rope is not None and not getattr(self.model, "rope_mixed", False):
            rope = [rope] * self.n_blocks
        return self.model.norm_pre(tokens), rope

    def _behind(self, images: Tensor) -> Tensor:
        """All tokens behind the last block."""
        tokens, ropes = self._embed(images)
        for i in range(self.n_blocks):
            tokens = self._apply_block(i, tokens, ropes)
        return tokens

    def _norm(self, tokens: Tensor) -> Tensor:
        # Models that pool patches keep their final norm under another name; one of the two is the identity.
        normed: Tensor = self.model.fc_norm(self.model.norm(tokens))
        return normed

    def _apply_block(self, index: int, tokens: Tensor, ropes: Any) -> Tensor:
        block = self.model.blocks[index]
        result: Tensor = block(tokens) if ropes is None else block(tokens, rope=ropes[index])
        return result

    def _finish(self, attention: Any, projected: Tensor, rope: Tensor | None, name: Projection) -> Tensor:
        """Split into heads, apply the layer's own norm and rotary embedding, drop the registers."""
        shape = (*projected.shape[:2], attention.num_heads, attention.head_dim)
        heads = projected.reshape(shape).transpose(1, 2)
        if name != "values":
            heads = attention.q_norm(heads) if name == "queries" else attention.k_norm(heads)
        patches = heads[:, :, self.n_prefix :]
        if rope is not None and name != "values":
            patches = apply_rot_embed_cat(patches, rope, half=getattr(attention, "rotate_half", False))
        return torch.cat([heads[:, :, :1], patches.type_as(heads)], dim=2)


def load_vit(
    model: str,
    weights: WeightsSource,
    artifacts: Mapping[str, Path] = MappingProxyType({}),
    *,
    seed: int = 0,
    section: str = "mine",
    normalise: Normalise | None = "auto",
) -> VisionBackbone:
    """Load a Vision Transformer by its timm name.

    Args:
        model: Name in timm, with or without tag; not used with a file of the pretrain stage, which knows its model.
        weights: Where its weights come from.
        artifacts: Folder of the pretrain stage's artifact by the name of that stage, where they come from there.
        seed: Seed of random weights.
        section: Configuration section that holds the model's name, for errors.
        normalise: How pixels are normalised for a file that does not say it, under a name without tag; None = "auto".

    Raises:
        InputError: Unknown or unsuitable model, missing or unfitting file, a file of which `normalise` cannot tell what
            it expects of pixels, or a download that failed.
    """
    path = weights.find(artifacts)
    if path is not None:  # before the model, which the file may bring
        check_weights_file(path, f"{weights_setting(section)}: {path}")
    known = None if path is None else read_architecture(path)
    architecture = known or Architecture(model, {})
    network = build_vit(*architecture[:2], seed=seed, pretrained=weights.origin == "timm", section=section)
    if path is None:
        return VisionBackbone(network, architecture)
    found = load_weights(network, path, section)
    if known or "." in model:
        return VisionBackbone(network, architecture)
    statistics = choose_statistics(normalise or "auto", found.tensors, found.outer, section, path)
    return VisionBackbone(network, architecture._replace(pixels=statistics))


def build_backbone(architecture: Architecture) -> VisionBackbone:
    """The ViT of an architecture, to load weights into: a trained detector or segmenter holds those of its own ViT."""
    return VisionBackbone(build_vit(*architecture[:2], seed=0), architecture)


def _statistics_of(model: Any) -> PixelStatistics:
    """What timm says of the weights of a model's tag; of a name without tag, those of its first one."""
    mean, std = (tuple(float(value) for value in model.pretrained_cfg[name]) for name in ("mean", "std"))
    return PixelStatistics(mean, std)


def _project(attention: Any, tokens: Tensor, names: Collection[Projection]) -> dict[Projection, Tensor]:
    """Those of the projections of these names, (B, tokens, H * d) each."""
    if attention.qkv is None:
        layers = dict(zip(PROJECTIONS, (attention.q_proj, attention.k_proj, attention.v_proj), strict=True))
        return {name: layers[name](tokens) for name in names}
    needed = [place for place, name in enumerate(PROJECTIONS) if name in names]
    first, end, width = needed[0], needed[-1] + 1, attention.num_heads * attention.head_dim
    bias = attention.qkv.bias
    if getattr(attention, "q_bias", None) is not None:
        bias = torch.cat([attention.q_bias, attention.k_bias, attention.v_bias])
    rows = slice(first * width, end * width)
    projected = F.linear(tokens, attention.qkv.weight[rows], None if bias is None else bias[rows])
    found = dict(zip(PROJECTIONS[first:end], projected.chunk(end - first, dim=-1), strict=True))
    return {name: found[name] for name in names}
