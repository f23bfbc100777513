"""What a ViT expects of pixels in 0-1: the mean and standard deviation that its weights were trained with. No torch."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Literal, NamedTuple

from maskdistill.data.errors import InputError

Normalise = Literal["auto", "imagenet", "half"]
"""How pixels are normalised for weights that do not say it; "auto" = as their authors did, where a file is known."""


class PixelStatistics(NamedTuple):
    """Mean and standard deviation of pixels in 0-1, one value per channel, RGB."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


IMAGENET = PixelStatistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = PixelStatistics((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


_RELEASED_FILE = re.compile(
    r"(dino_(deitsmall|vitbase)\d+_pretrain|dinov2_vit[sblg]14(_reg4)?_pretrain|mae_pretrain_vit_\w+)\w*\.pth"
)
"""How the authors of DINO, DINOv2 and MAE call their files; the backbone of DINO is told by nothing else."""


def choose_statistics(
    normalise: Normalise, names: Collection[str], outer: Collection[str], section: str, file: Path
) -> PixelStatistics:
    """The statistics for a weights file that brings none.

    Args:
        normalise: The setting.
        names: Names of the parameters, as the file has them.
        outer: Names at the top of the file, above the parameters; empty where they lie at the top.
        section, file: What the error names.

    Raises:
        InputError: "auto", and the file is not known.
    """
    if normalise != "auto":
        return IMAGENET if normalise == "imagenet" else HALF
    if is_original_release(names, outer) or _RELEASED_FILE.fullmatch(file.name):
        return IMAGENET
    raise InputError(
        f"{section}.normalise: {file} does not say which mean and standard deviation it expects of pixels, and a wrong "
        f"one spoils its features without a word; set {section}.normalise to imagenet (mean 0.485, 0.456, 0.406, as "
        f"with DINO, DINOv2 and MAE) or to half (mean and deviation 0.5), or give {section}.model a tag of timm, such "
        "as vit_small_patch16_224.dino"
    )


def is_original_release(names: Collection[str], outer: Collection[str]) -> bool:
    """Whether a file is a checkpoint of DINO, DINOv2 or MAE as their authors' code writes it.

    All of them were trained with ImageNet's statistics. DINO's files of the backbone alone are not told apart here, as
    their names are those of any ViT of timm; its whole checkpoints are, and so are DINOv2's two kinds of file (the
    backbone keeps its mask token beside layer scales) and MAE's (a decoder, or an encoder without classifier as the
    one entry "model").
    """
    parts = {part for name in names for part in name.split(".")}
    is_dino = bool({"student", "teacher"} & set(outer)) and "backbone" in parts
    is_dinov2 = {"mask_token", "ls1"} <= parts
    is_mae = {"decoder_blocks", "mask_token"} <= parts or (set(outer) == {"model"} and not {"head", "fc_norm"} & parts)
    return is_dino or is_dinov2 or is_mae
