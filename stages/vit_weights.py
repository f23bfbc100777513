"""Loading ViT checkpoints that other projects wrote: renaming, and saying what does not fit."""

from pathlib import Path
from typing import get_args

from timm.models import eva, vision_transformer
from torch import Tensor, nn

from data.errors import InputError, MaskDistillError
from stages.foreign_weights import listed, read_tensors
from stages.pretrain.config import Override
from stages.weights_file import read_description

_PREFIXES = ("module.", "backbone.", "encoder.")
_DROPPED = ("head.", "head_dist.", "pre_logits.", "decoder", "mask_token", "projector.", "prototypes.", "dino_head.")


def read_architecture(path: Path) -> tuple[str, dict[str, int]] | None:
    """Model name and arguments that a file of the pretrain stage was written with; None for any other file."""
    try:
        description = read_description(path)
        model, overrides = description["model"], description["overrides"]
    except (MaskDistillError, KeyError):
        return None
    known = isinstance(model, str) and isinstance(overrides, dict) and set(overrides) <= set(get_args(Override))
    if not known or not all(isinstance(value, int) for value in overrides.values()):
        return None
    return model, overrides


def load_checkpoint(network: nn.Module, weights: str, section: str) -> None:
    """Load a checkpoint file into `network`; position embeddings of another grid are resampled.

    Raises:
        InputError: The file is missing, unreadable, or its parameters are not those of the model.
    """
    path = Path(weights).expanduser()
    where = f"{section}.weights: {path}"
    state = strip_names(read_tensors(path, where))
    module = eva if isinstance(network, eva.Eva) else vision_transformer
    try:
        state = module.checkpoint_filter_fn(state, network)
        state = {name: value for name, value in state.items() if not name.startswith(_DROPPED)}
        missing, unexpected = network.load_state_dict(state, strict=False)
    except (RuntimeError, AssertionError, ValueError, IndexError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise InputError(f"{where} does not fit the model: {' '.join(lines[-2:])}") from error
    if missing or unexpected:
        raise InputError(f"{where} does not fit the model: missing {listed(missing)}; unexpected {listed(unexpected)}")


def strip_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same parameters without the prefixes of training wrappers."""
    stripped = {}
    for name, value in state.items():
        bare = name
        while bare.startswith(_PREFIXES):
            bare = bare.partition(".")[2]
        stripped[bare] = value
    return stripped
