"""Self-supervised ResNet weights for detectron2, renamed in memory."""

import re
from pathlib import Path
from typing import Any

from torch import Tensor

from maskdistill.stages.networks.resnet import ResNetName, build_resnet


def load_backbone(model: Any, name: ResNetName, weights: Path) -> None:
    """Load a ResNet into detectron2's Mask R-CNN `model`.

    Args:
        model: With a pyramid, or with stage 5 in its region heads (C4).
        name: Depth of its ResNet.
        weights: A file in any of the usual key layouts; see `networks.resnet`.

    Raises:
        InputError: The file is not there, not readable, or not of this ResNet.
    """
    tensors = {
        convert_name(key): value for key, value in build_resnet(name, weights, "distill.weights").state_dict().items()
    }
    trunk = getattr(model.backbone, "bottom_up", model.backbone)
    _load(trunk, tensors)
    if hasattr(model.roi_heads, "res5"):
        _load(model.roi_heads.res5, {key.removeprefix("res5."): value for key, value in tensors.items()})


def convert_name(name: str) -> str:
    """detectron2's name of a parameter of torchvision's ResNet: "layer1.0.bn2.bias" is "res2.0.conv2.norm.bias"."""
    name = re.sub(r"^(conv1|bn1)\.", r"stem.\1.", name)
    name = re.sub(r"^layer(\d)", lambda match: f"res{int(match[1]) + 1}", name)
    name = name.replace("downsample.0.", "shortcut.").replace("downsample.1.", "shortcut.norm.")
    return re.sub(r"\bbn(\d)\.", r"conv\1.norm.", name)


def _load(module: Any, tensors: dict[str, Tensor]) -> None:
    """Fill every parameter and buffer of `module`; those that `tensors` holds beyond them are left out."""
    module.load_state_dict({name: tensors[name] for name in module.state_dict()})
