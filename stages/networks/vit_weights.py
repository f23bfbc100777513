"""The weights of a ViT from a file, of this project or of others: renaming, and saying what does not fit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from timm.models import eva, vision_transformer
from torch import nn

from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.stages.networks.foreign_weights import ForeignWeights, check_values, listed, read_weights
from maskdistill.stages.networks.normalise import PixelStatistics
from maskdistill.stages.networks.timm_arguments import Override
from maskdistill.stages.networks.vit_build import weights_setting
from maskdistill.stages.networks.vit_names import names_of_timm
from maskdistill.stages.networks.weights_file import read_description

_DROPPED = ("head.", "head_dist.", "pre_logits.", "decoder", "mask_token", "projector.", "prototypes.", "dino_head.")


class Architecture(NamedTuple):
    """What a file says of its ViT: name in timm, arguments, and what its pixels are normalised with.

    `pixels` is None where that is what timm says of the model.
    """

    model: str
    overrides: dict[str, int]
    pixels: PixelStatistics | None = None

    def described(self) -> dict[str, Any]:
        """The same as JSON values, for the description of a file of weights."""
        pixels = {} if self.pixels is None else {"pixels": self.pixels._asdict()}
        return {"model": self.model, "overrides": self.overrides, **pixels}

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> "Architecture":
        """Read what `described` gives, whatever stands beside it. Raises KeyError, TypeError or ValueError."""
        model, overrides = description["model"], description["overrides"]
        known = isinstance(model, str) and isinstance(overrides, dict) and set(overrides) <= set(get_args(Override))
        if not known or not all(isinstance(value, int) for value in overrides.values()):
            raise ValueError(f"no architecture of a ViT: {model}, {overrides}")
        pixels = _read_pixels(description["pixels"]) if "pixels" in description else None
        return cls(model, overrides, pixels)


def read_architecture(path: Path) -> Architecture | None:
    """What a file of the pretrain stage, or of its method `untrained`, was written with; None for any other file."""
    try:
        return Architecture.of(read_description(path))
    except (MaskDistillError, KeyError, TypeError, ValueError):
        return None


def _read_pixels(described: Any) -> PixelStatistics:
    mean, std = (tuple(float(value) for value in described[name]) for name in ("mean", "std"))
    return PixelStatistics(mean, std)


def load_weights(network: nn.Module, path: Path, section: str) -> ForeignWeights:
    """Load a file into `network`, and give it; position embeddings of another grid are resampled.

    Raises:
        InputError: The file is missing, unreadable, or its parameters are not those of the model.
    """
    where = f"{weights_setting(section)}: {path}"
    found = read_weights(path, where)
    state = names_of_timm(found.tensors)
    # Before timm resamples position embeddings, which makes floats of integers, and after it has renamed tensors.
    check_values(state, network.state_dict(), where)
    module = eva if isinstance(network, eva.Eva) else vision_transformer
    try:
        state = module.checkpoint_filter_fn(state, network)
        state = {name: value for name, value in state.items() if not name.startswith(_DROPPED)}
        check_values(state, network.state_dict(), where)
        missing, unexpected = network.load_state_dict(state, strict=False)
    except (RuntimeError, AssertionError, ValueError, IndexError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise InputError(f"{where} does not fit the model: {' '.join(lines[-2:])}") from error
    if missing or unexpected:
        raise InputError(f"{where} does not fit the model: missing {listed(missing)}; unexpected {listed(unexpected)}")
    return found
