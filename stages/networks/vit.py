"""Vision Transformers of timm as feature extractors: queries, keys and the class token of any image size.

Shapes: B images, N patches, H heads, d channels per head, D = embedding dimension, S = patch size (px).
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from timm.layers.attention import Attention, AttentionRope
from timm.layers.patch_embed import PatchEmbed
from timm.layers.pos_embed_sincos import apply_rot_embed_cat
from timm.models.eva import Eva, EvaAttention, EvaBlock
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from maskdistill.data.errors import InputError
from maskdistill.stages.networks.foreign_checkpoint import first_line
from maskdistill.stages.networks.normalise import Normalise, PixelStatistics, choose_statistics
from maskdistill.stages.networks.vit_checkpoint import Architecture, load_checkpoint, read_architecture
from maskdistill.stages.weights import WeightsSource


class VisionBackbone(nn.Module):
    """A frozen ViT in evaluation mode.

    Attributes:
        patch_size: Side of a patch, px.
        mean, std: What the weights expect of pixels in 0-1, one value per channel.
        n_prefix: Tokens before the patches: the class token, then registers.
        n_heads: Attention heads per block.
        n_blocks: Number of blocks.
        dim: Embedding dimension D.
    """

    model: Any

    def __init__(self, model: nn.Module, pixels: PixelStatistics | None = None) -> None:
        """`pixels` are what the weights expect; None = what timm says of the model."""
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.mean, self.std = pixels or _statistics_of(model)
        self.patch_size = int(self.model.patch_embed.patch_size[0])
        self.n_prefix = int(self.model.num_prefix_tokens)
        self.n_heads = int(self.model.blocks[0].attn.num_heads)
        self.n_blocks = len(self.model.blocks)
        self.dim = int(self.model.embed_dim)

    def queries_keys(self, images: Tensor, block: int | None = None) -> tuple[Tensor, Tensor]:
        """Raw queries and keys of one self-attention layer: unscaled, after q/k norm and rotary embedding.

        Args:
            images: float (B, 3, height, width), normalised; sides are multiples of S.
            block: Index of the block, negative from the end; None = the last.

        Returns:
            Two float (B, H, 1 + N, d), class token first, registers dropped.

        Raises:
            InputError: There is no such block.
        """
        index = self.resolve_block(block)
        tokens, ropes = self._embed(images)
        for i in range(index):
            tokens = self._apply_block(i, tokens, ropes)
        target = self.model.blocks[index]
        queries, keys = _project(target.attn, target.norm1(tokens))
        rope = ropes[index] if ropes is not None else None
        return self._finish(target.attn, queries, rope, "q"), self._finish(target.attn, keys, rope, "k")

    def class_token(self, images: Tensor) -> Tensor:
        """Class token after the final norm, float (B, D), of normalised images (B, 3, height, width)."""
        return self._norm(self._last_block(images)[:, :1])[:, 0]

    def tokens(self, images: Tensor) -> Tensor:
        """Class token and patch tokens after the final norm, float (B, 1 + N, D), registers dropped."""
        last = self._last_block(images)
        return self._norm(torch.cat([last[:, :1], last[:, self.n_prefix :]], dim=1))

    def resolve_block(self, block: int | None) -> int:
        """Index from the front. Raises InputError where the model has no such block."""
        index = self.n_blocks - 1 if block is None else block + self.n_blocks * (block < 0)
        if not 0 <= index < self.n_blocks:
            raise InputError(
                f"mine.affinity.block: {block} is out of range; this model has {self.n_blocks} blocks, "
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

    def _last_block(self, images: Tensor) -> Tensor:
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

    def _finish(self, attention: Any, projected: Tensor, rope: Tensor | None, kind: str) -> Tensor:
        """Split into heads, apply the layer's own norm and rotary embedding, drop the registers."""
        shape = (*projected.shape[:2], attention.num_heads, attention.head_dim)
        heads = projected.reshape(shape).transpose(1, 2)
        heads = attention.q_norm(heads) if kind == "q" else attention.k_norm(heads)
        patches = heads[:, :, self.n_prefix :]
        if rope is not None:
            patches = apply_rot_embed_cat(patches, rope, half=getattr(attention, "rotate_half", False))
        return torch.cat([heads[:, :, :1], patches.type_as(heads)], dim=2)


def find_weights(weights: WeightsSource, artifacts: Mapping[str, Path]) -> str:
    """The weights of a stage's ViT as `load_vit` takes them: "pretrain" becomes the file of that artifact."""
    return str(weights.find(artifacts) or weights)


def load_vit(
    model: str, weights: str, seed: int = 0, *, section: str = "mine", normalise: Normalise | None = "auto"
) -> VisionBackbone:
    """Load a Vision Transformer by its timm name.

    Args:
        model: Name in timm, with or without tag; not used with a file of the pretrain stage, which knows its model.
        weights: "pretrained" (the tag's own, downloaded by timm), "random", or the path of a .safetensors, .pth
            or .pt file.
        seed: Seed of random weights.
        section: Configuration section that errors name.
        normalise: How pixels are normalised for a file that does not say it, under a name without tag; None = "auto".

    Raises:
        InputError: Unknown or unsuitable model, missing or unfitting file, a file of which `normalise` cannot tell what
            it expects of pixels, or a download that failed.
    """
    is_file = weights not in ("pretrained", "random")
    known = read_architecture(Path(weights)) if is_file else None
    model, overrides, pixels = known or Architecture(model, {})
    _check_name(model, section)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _create(model, weights == "pretrained", overrides, section)
    _check_architecture(network, f"{section}.model: {model}")
    if not is_file:
        return VisionBackbone(network)
    checkpoint = load_checkpoint(network, weights, section)
    if known or "." in model:
        return VisionBackbone(network, pixels)
    names, outer = checkpoint.tensors, checkpoint.outer
    return VisionBackbone(network, choose_statistics(normalise or "auto", names, outer, section, weights))


def _statistics_of(model: Any) -> PixelStatistics:
    """What timm says of the weights of a model's tag; of a name without tag, those of its first one."""
    mean, std = (tuple(float(value) for value in model.pretrained_cfg[name]) for name in ("mean", "std"))
    return PixelStatistics(mean, std)


def _create(model: str, pretrained: bool, overrides: Mapping[str, Any], section: str) -> nn.Module:
    try:
        network: nn.Module = timm.create_model(
            model, pretrained=pretrained, num_classes=0, dynamic_img_size=True, **overrides
        )
    except TypeError as error:
        raise InputError(
            f"{section}.model: {model} is not a Vision Transformer with standard attention ({error})"
        ) from error
    # timm lets the errors of several download libraries through; whatever happened, the remedy is the same.
    except Exception as error:
        if not pretrained:
            raise InputError(f"{section}.model: timm cannot build {model} ({error})") from error
        raise InputError(
            f"{section}.weights: the pretrained weights of {model} could not be loaded ({first_line(error)}); "
            f"download them elsewhere and give the path of the file as {section}.weights"
        ) from error
    return network


def _check_name(model: str, section: str) -> None:
    architecture, _, tag = model.partition(".")
    if not timm.is_model(architecture):
        known = timm.list_models()
        hint = ", ".join(difflib.get_close_matches(architecture, known, 5, 0.5)) or "see timm.list_models()"
        raise InputError(f"{section}.model: timm knows no {architecture!r}; nearest: {hint}")
    tags = [name.partition(".")[2] for name in timm.list_models(f"{architecture}.*", pretrained=True)]
    if tag and tag not in tags:
        raise InputError(f"{section}.model: {architecture} has no tag {tag!r}; it has: {', '.join(tags) or 'none'}")


def _check_architecture(network: nn.Module, where: str) -> None:
    """Raise InputError unless queries and keys of this model mean what the method takes them to mean."""
    if not isinstance(network, VisionTransformer | Eva):
        raise InputError(f"{where} is not a Vision Transformer with standard attention ({type(network).__name__})")
    if getattr(network, "cls_token", None) is None:
        raise InputError(f"{where} has no class token, whose attention the method reads; choose a model that has one")
    if type(network.patch_embed) is not PatchEmbed or len(set(network.patch_embed.patch_size)) != 1:
        raise InputError(f"{where} does not cut the image into plain square patches")
    for block in network.blocks:
        attention = getattr(block, "attn", None)
        standard = type(block) in (Block, EvaBlock) and type(attention) in (Attention, AttentionRope, EvaAttention)
        if not standard or getattr(attention, "num_kv_groups", 1) != 1:
            raise InputError(
                f"{where} has non-standard attention ({type(block).__name__} with {type(attention).__name__}): "
                "its queries and keys cannot be read"
            )


def _project(attention: Any, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Queries and keys, (B, tokens, H * d) each, without computing the values."""
    if attention.qkv is None:
        return attention.q_proj(tokens), attention.k_proj(tokens)
    width = 2 * attention.num_heads * attention.head_dim
    bias = attention.qkv.bias
    if getattr(attention, "q_bias", None) is not None:
        bias = torch.cat([attention.q_bias, attention.k_bias])
    projected = F.linear(tokens, attention.qkv.weight[:width], None if bias is None else bias[:width])
    queries, keys = projected.chunk(2, dim=-1)
    return queries, keys
