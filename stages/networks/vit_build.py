"""Vision Transformers built by timm, and which of them the methods here can work with."""

from collections.abc import Callable, Mapping
from typing import Any

import timm
import torch
from timm.layers.attention import Attention, AttentionRope
from timm.layers.patch_embed import PatchEmbed
from timm.models.eva import Eva, EvaAttention, EvaBlock
from timm.models.vision_transformer import Block, VisionTransformer
from torch import nn

from maskdistill.data.errors import InputError
from maskdistill.stages.networks.download import create_model
from maskdistill.stages.networks.foreign_weights import first_line
from maskdistill.stages.networks.model_names import nearest_names, timm_name

Overrides = Mapping[Any, Any]
"""Arguments of a model that differ from timm's, by name."""


def build_vit(
    model: str,
    overrides: Overrides | None = None,
    *,
    seed: int | None = None,
    pretrained: bool = False,
    section: str = "mine",
    create: Callable[..., nn.Module] = create_model,
) -> nn.Module:
    """A Vision Transformer of timm, for images of any size.

    Args:
        model: Name in timm, with or without tag.
        overrides: Its depth, patch size and the like.
        seed: Seed of random weights, with torch's global generator left alone; None = they are drawn from that.
        pretrained: Whether timm downloads the weights of the model's tag.
        section: Configuration section that holds the model's name, for errors.
        create: Makes the model, as timm does.

    Raises:
        InputError: An unknown or unsuitable model, or a download that failed.
    """
    _check_name(model, section)
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        network = _create(create, model, pretrained, overrides or {}, section)
    _check_architecture(network, f"{section}.model: {model}")
    return network


def weights_setting(section: str) -> str:
    """The setting of the weights of the ViT in a section: a backbone has the section `vit` beside its `weights`."""
    return f"{section.removesuffix('.vit')}.weights"


def _create(
    create: Callable[..., nn.Module], model: str, pretrained: bool, overrides: Overrides, section: str
) -> nn.Module:
    try:
        return create(model, pretrained=pretrained, num_classes=0, dynamic_img_size=True, **overrides)
    except TypeError as error:
        shaped = f" with {dict(overrides)}" if overrides else ""
        raise InputError(
            f"{section}.model: {model}{shaped} is not a Vision Transformer with standard attention ({error})"
        ) from error
    # timm lets the errors of several download libraries through; whatever happened, the remedy is the same.
    except Exception as error:
        if not pretrained:
            raise InputError(f"{section}.model: timm cannot build {model} ({error})") from error
        raise InputError(
            f"{weights_setting(section)}: the pretrained weights of {model} could not be loaded ({first_line(error)}); "
            f"download them elsewhere and give the path of the file as {weights_setting(section)}, or train a ViT on "
            f"your images: {weights_setting(section)}=pretrain"
        ) from error


def _check_name(model: str, section: str) -> None:
    architecture, _, tag = model.partition(".")
    if not timm.is_model(architecture):
        if meant := timm_name(model):
            raise InputError(f"{section}.model: {model!r} is called {meant} by timm; set {section}.model={meant}")
        hint = ", ".join(nearest_names(architecture, timm.list_models())) or "see timm.list_models()"
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
