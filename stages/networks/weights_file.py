"""Weights of a finished training: safetensors with the text that is needed to rebuild the model around them."""

import errno
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from maskdistill.data.atomic import atomic_path
from maskdistill.data.errors import CorruptArtifact, MissingArtifact
from maskdistill.data.sources.image_source import ImageSource


def save_weights(path: Path, module: nn.Module, description: dict[str, Any]) -> None:
    """Write all parameters and buffers, with a JSON description of the model."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary, metadata={"maskdistill": json.dumps(description)})
        except SafetensorError as error:  # as the file system says it, in words alone
            raise OSError(errno.ENOSPC, f"cannot be written ({error})", str(path)) from error


def pixels_of(source: ImageSource) -> dict[str, str]:
    """What the description has to say of how pictures were read, where that is not as usual."""
    return {} if source.stretch == "auto" else {"stretch": source.stretch}


def stretch_of(path: Path) -> str:
    """How pictures are read for the model of a file, as `data.stretch` has it. Raises as `read_description` does."""
    return str(read_description(path).get("stretch", "auto"))


def read_description(path: Path) -> dict[str, Any]:
    """The description that `save_weights` was given.

    Raises:
        MissingArtifact: There is no such file.
        CorruptArtifact: It is not a file of this project.
    """
    if not path.is_file():
        raise MissingArtifact(f"{path}: no weights here")
    try:
        with safe_open(path, framework="pt") as file:
            return dict(json.loads((file.metadata() or {})["maskdistill"]))
    except (SafetensorError, KeyError, ValueError) as error:
        raise CorruptArtifact(f"{path}: not the weights of a maskdistill model ({error})") from error
