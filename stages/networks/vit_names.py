"""Names of a ViT's parameters as others write them, brought into those of timm: prefixes and Hugging Face's names.

Both of Hugging Face's ViTs are read: its ViT (DINO and MAE are published so), and its DINOv2.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_ANCHORS = ("patch_embed.proj.weight", "embeddings.patch_embeddings.projection.weight")
"""A name that every ViT has; what stands before it is the prefix of all its names."""
_PREFERRED = ("teacher", "base_encoder", "student", "encoder_q", "backbone")
"""Words in the prefix of the network that is wanted where a file holds several; any other comes before momentum's."""
_LAST = ("momentum", "ema", "encoder_k")
_HF_LAYER = re.compile(r"encoder\.layer\.(\d+)\.(.+)")
_HF_PARTS = {
    "attention.output.dense": "attn.proj",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
    "mlp.weights_in": "mlp.w12",
    "mlp.weights_out": "mlp.w3",
}
_HF_OUTSIDE = {
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection": "patch_embed.proj",
    "layernorm": "norm",
}
_HF_QKV = ("query", "key", "value")


def names_of_timm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The parameters of one ViT under timm's names; those of other networks in the file are left out.

    Args:
        state: Parameters by name, with any prefix.
    """
    prefix = find_prefix(state, _ANCHORS).removesuffix("embeddings.")
    bare = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    if not any(name.startswith(("encoder.layer.", "embeddings.")) for name in bare):
        return bare
    return _from_hugging_face(bare)


def find_prefix(state: Mapping[str, Tensor], anchors: tuple[str, ...]) -> str:
    """What stands before the names of a network; of several networks, that of the one which is wanted."""
    found = [name.removesuffix(anchor) for anchor in anchors for name in state if name.endswith(anchor)]
    whole = [prefix for prefix in found if not prefix or prefix.endswith(".")]
    return min(whole, key=_rank, default="")


def _rank(prefix: str) -> tuple[int, int]:
    word = next((i for i, one in enumerate(_PREFERRED) if one in prefix), len(_PREFERRED))
    late = any(one in prefix for one in _LAST) and "teacher" not in prefix
    return word + len(_PREFERRED) * 2 * late, len(prefix)


def _from_hugging_face(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    renamed: dict[str, Tensor] = {}
    projections: dict[tuple[str, str], dict[str, Tensor]] = {}
    for name, value in state.items():
        if name.startswith("pooler."):
            continue
        layer = _HF_LAYER.fullmatch(name)
        if layer is None:
            renamed[_outside(name)] = value
            continue
        block, part = f"blocks.{layer[1]}.", layer[2]
        which = part.removeprefix("attention.attention.").partition(".")
        if part.startswith("attention.attention.") and which[0] in _HF_QKV:
            projections.setdefault((block, which[2]), {})[which[0]] = value
        else:
            renamed[block + _part(part)] = value
    for (block, kind), three in projections.items():
        if len(three) == len(_HF_QKV):
            renamed[f"{block}attn.qkv.{kind}"] = torch.cat([three[name] for name in _HF_QKV])
    return renamed


def _outside(name: str) -> str:
    for theirs, ours in _HF_OUTSIDE.items():
        if name == theirs or name.startswith(f"{theirs}."):
            return ours + name.removeprefix(theirs)
    return name.removeprefix("embeddings.")


def _part(name: str) -> str:
    for theirs, ours in _HF_PARTS.items():
        if name == theirs or name.startswith(f"{theirs}."):
            return ours + name.removeprefix(theirs)
    return name
