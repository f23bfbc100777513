"""Training checkpoints: written whole, read without running code from the file, refused where they are foreign."""

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from maskdistill.data.atomic import atomic_path
from maskdistill.data.errors import CorruptArtifact, MaskDistillError

Identity = Mapping[str, Any]
"""What a training is: JSON values by name. A checkpoint fits where all of them agree."""


def save_checkpoint(path: Path, identity: Identity, state: dict[str, Any]) -> None:
    """Write tensors and numbers with the identity of their training."""
    with atomic_path(path) as temporary:
        torch.save({"identity": json.dumps(dict(identity)), "state": state}, temporary)


def load_checkpoint(path: Path, identity: Identity, device: torch.device) -> dict[str, Any] | None:
    """Read what `save_checkpoint` wrote; None where there is no checkpoint.

    Raises:
        MaskDistillError: The checkpoint is of another training.
        CorruptArtifact: The file cannot be read.
    """
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location=device, weights_only=True)
        found, state = json.loads(content["identity"]), content["state"]
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError, ValueError) as error:
        raise CorruptArtifact(f"{path}: not a readable checkpoint ({error}); remove it to start anew") from error
    wanted = json.loads(json.dumps(dict(identity)))
    if found != wanted:
        names = [name for name in {**wanted, **found} if wanted.get(name) != found.get(name)]
        differences = ", ".join(f"{name} is {found.get(name)} there and {wanted.get(name)} here" for name in names)
        raise MaskDistillError(f"{path} is of another training ({differences}); remove it to start anew")
    return dict(state)
