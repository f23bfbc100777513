"""ResNet backbones, from nothing or from local self-supervised weights in any of the usual key layouts."""

from pathlib import Path
from typing import Any, Literal

import torchvision
from torch import Tensor, nn
from torchvision.ops.misc import FrozenBatchNorm2d

from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.stages.networks.foreign_weights import check_values, listed, read_weights
from maskdistill.stages.networks.normalise import IMAGENET
from maskdistill.stages.networks.vit_names import find_prefix
from maskdistill.stages.networks.weights_file import read_description

ResNetName = Literal["resnet18", "resnet50"]

RGB_MEAN, RGB_STD = IMAGENET
"""Of pixels in 0-1; MoCo, DINO, SwAV, DenseCL and AugNet were all trained with these."""

# In the order of preference where a file holds several encoders: MoCo's trained one before its momentum copy.
_PREFIXES = tuple(
    outer + inner
    for inner in (
        "",
        "backbone.",
        "encoder_q.",
        "encoder_q.0.",
        "base_encoder.",
        "momentum_encoder.",
        "encoder_k.",
        "encoder.",
        "pre.",
    )
    for outer in ("", "module.")
)
N_STAGES = 4
_TRUNK = ("conv1.", "bn1.", "layer1.", "layer2.", "layer3.", "layer4.")


def build_resnet(name: ResNetName, weights: Path | None, setting: str = "weights") -> Any:
    """A torchvision ResNet without its classifier.

    Args:
        name: Depth.
        weights: A .pth or .safetensors file; None = random weights, whose batch norm learns from the first step.
        setting: What names the file, for messages.

    Raises:
        InputError: The file is not there, not readable, or not of this ResNet.
    """
    model = getattr(torchvision.models, name)(weights=None)
    model.fc = nn.Identity()
    if weights is not None:
        load_trunk(model, name, Path(weights), setting)
    return model


def freeze_stages(model: Any, n_stages: int) -> None:
    """Fix the stem and the first `n_stages` stages, batch norm included; 0 fixes nothing."""
    if n_stages:
        for part in ["conv1", "bn1", *(f"layer{i}" for i in range(1, n_stages + 1))]:
            setattr(model, part, freeze_norm(getattr(model, part)))
            getattr(model, part).requires_grad_(False)


def freeze_norm(module: nn.Module) -> nn.Module:
    """The same module with each batch norm fixed at its statistics, scale and shift."""
    if isinstance(module, nn.BatchNorm2d):
        frozen = FrozenBatchNorm2d(module.num_features, eps=module.eps)
        state = {name: value for name, value in module.state_dict().items() if name != "num_batches_tracked"}
        frozen.load_state_dict(state)
        return frozen  # type: ignore[no-any-return]
    for name, child in module.named_children():
        setattr(module, name, freeze_norm(child))
    return module


def stages_in(path: Path) -> int:
    """How many of the four stages a file holds: one of the backbone stage says it, all others have to hold four."""
    try:
        return int(read_description(path)["config"]["stages"])
    except (MaskDistillError, KeyError):
        return N_STAGES


def load_trunk(model: nn.Module, name: str, path: Path, setting: str = "weights") -> None:
    """Load convolutions and norms from a checkpoint; projection heads and classifiers in it are left out."""
    where = f"{setting}: {path}"
    found = _trunk_of(read_weights(path, where).tensors)
    not_needed = tuple(f"layer{stage}." for stage in range(stages_in(path) + 1, N_STAGES + 1))
    wanted = {
        key: value
        for key, value in model.state_dict().items()
        if not key.endswith("num_batches_tracked") and not key.startswith(not_needed)
    }
    missing = [key for key in wanted if key not in found]
    unknown = [key for key in found if key not in model.state_dict()]
    if missing or unknown:
        what = f"lacks {listed(missing)}" if missing else f"also holds {listed(unknown)}"
        raise InputError(f"{where} is not a {name}: it {what}")
    shapes = [key for key in wanted if found[key].shape != wanted[key].shape]
    if shapes:
        raise InputError(f"{where} is not a {name}: other shapes at {listed(shapes)}")
    check_values(found, model.state_dict(), where)
    model.load_state_dict({**model.state_dict(), **found})


def _trunk_of(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of stem and stages under torchvision's names, whatever stands before those names."""
    known = next((prefix for prefix in _PREFIXES if f"{prefix}conv1.weight" in tensors), None)
    prefix = find_prefix(tensors, ("layer1.0.conv1.weight",)) if known is None else known
    names = {key: key.removeprefix(prefix) for key in tensors if key.startswith(prefix)}
    return {name: tensors[key] for key, name in names.items() if name.startswith(_TRUNK)}
