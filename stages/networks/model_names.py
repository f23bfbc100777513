"""What other projects call the models that timm has under names of its own."""

import difflib
import re
from collections.abc import Sequence

_SIZES = {"s": "small", "b": "base", "l": "large", "g": "giant", "h": "huge", "t": "tiny", "ti": "tiny"}
_DINO = re.compile(r"dino_?(?:deit_?|vit_?)?(?P<size>s|b|small|base)_?(?P<patch>8|16)")
_DINOV2 = re.compile(
    r"dinov2_?(?P<early>with_registers_)?(?:vit_?)?(?P<size>[sblg]|small|base|large|giant)(?:14)?_?(?P<late>reg\w*)?"
)
_MAE = re.compile(r"(?:mae_)?(?:vit_)?mae_(?:pretrain_)?(?:vit_)?(?P<size>[blh]|base|large|huge)(?:_?patch_?\d+)?")


def timm_name(name: str) -> str | None:
    """The name in timm of a model of DINO, DINOv2 or MAE, as their authors and Hugging Face name it; None of others."""
    bare = re.sub(r"[^a-z0-9]+", "_", name.lower().rsplit("/", 1)[-1]).strip("_").removesuffix("_pretrain")
    if found := _DINO.fullmatch(bare):
        return f"vit_{_size(found)}_patch{found['patch']}_224.dino"
    if found := _DINOV2.fullmatch(bare):
        return f"vit_{_size(found)}_patch14_{'reg4_' if found['early'] or found['late'] else ''}dinov2.lvd142m"
    if found := _MAE.fullmatch(bare):
        return f"vit_{_size(found)}_patch{14 if _size(found) == 'huge' else 16}_224.mae"
    return None


def nearest_names(name: str, known: Sequence[str]) -> list[str]:
    """Names that may be meant: those that begin as this one does, else those that look like it."""
    beginning = [other for other in known if other.startswith(name)]
    return sorted(beginning, key=len)[:5] or difflib.get_close_matches(name, known, 5, 0.5)


def _size(found: "re.Match[str]") -> str:
    return _SIZES.get(found["size"], found["size"])
