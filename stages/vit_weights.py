"""Reading ViT checkpoints that other projects wrote: unwrapping, renaming, and saying what does not fit."""

import argparse
import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import eva, vision_transformer
from torch import Tensor, nn

from data.errors import InputError

_WRAPPERS = ("teacher", "student", "state_dict", "model")
_PREFIXES = ("module.", "backbone.", "encoder.")
_DROPPED = ("head.", "head_dist.", "pre_logits.", "decoder", "mask_token", "projector.", "prototypes.", "dino_head.")
_SUFFIXES = (".safetensors", ".pth", ".pt")


def load_checkpoint(network: nn.Module, weights: str, section: str) -> None:
    """Load a checkpoint file into `network`; position embeddings of another grid are resampled.

    Raises:
        InputError: The file is missing, unreadable, or its parameters are not those of the model.
    """
    path = Path(weights).expanduser()
    where = f"{section}.weights: {path}"
    state = strip_names(read_state(path, where))
    module = eva if isinstance(network, eva.Eva) else vision_transformer
    try:
        state = module.checkpoint_filter_fn(state, network)
        state = {name: value for name, value in state.items() if not name.startswith(_DROPPED)}
        missing, unexpected = network.load_state_dict(state, strict=False)
    except (RuntimeError, AssertionError, ValueError, IndexError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise InputError(f"{where} does not fit the model: {' '.join(lines[-2:])}") from error
    if missing or unexpected:
        raise InputError(
            f"{where} does not fit the model: {_listed('missing', missing)}; {_listed('unexpected', unexpected)}"
        )


def read_state(path: Path, where: str) -> dict[str, Tensor]:
    """Parameters by name; of a training checkpoint with several networks, the teacher's.

    Raises:
        InputError: No such file, an unknown suffix, or a file that holds no tensors by name.
    """
    if path.suffix not in _SUFFIXES:
        raise InputError(f"{where}: give 'pretrained', 'random' or a file that ends in {', '.join(_SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"{where}: there is no such file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        # DINO's full checkpoints hold their command line as a Namespace; nothing else beyond tensors is let in.
        with torch.serialization.safe_globals([argparse.Namespace]):
            state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, OSError, EOFError) as error:
        raise InputError(f"{where}: cannot be read as weights ({first_line(error)})") from error
    return _unwrap(state, where)


def strip_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same parameters without the prefixes of training wrappers."""
    stripped = {}
    for name, value in state.items():
        bare = name
        while bare.startswith(_PREFIXES):
            bare = bare.partition(".")[2]
        stripped[bare] = value
    return stripped


def first_line(error: Exception) -> str:
    """What an error says, without the advice that libraries put below; its type where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def _unwrap(state: Any, where: str) -> dict[str, Tensor]:
    while isinstance(state, dict):
        inner = next((name for name in _WRAPPERS if isinstance(state.get(name), dict)), None)
        if inner is None:
            break
        state = state[inner]
    items = state.items() if isinstance(state, dict) else ()
    tensors = {name: value for name, value in items if isinstance(value, Tensor)}
    if not tensors:
        raise InputError(f"{where}: holds no parameters by name")
    return tensors


def _listed(kind: str, names: list[str]) -> str:
    if not names:
        return f"none {kind}"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{kind} {', '.join(names[:3])}{more}"
