"""Training checkpoints: written whole, read without running code from the file, refused where they are foreign.

The one before the last is kept as well: where the last cannot be read, the training goes on from that.
"""

import errno
import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from maskdistill.data import seals
from maskdistill.data.atomic import atomic_path
from maskdistill.data.errors import MaskDistillError

Identity = Mapping[str, Any]
"""What a training is: JSON values by name. A checkpoint fits where all of them agree."""
_UNREADABLE = (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError, ValueError, OSError, AssertionError)


def save_checkpoint(path: Path, identity: Identity, state: dict[str, Any]) -> None:
    """Write tensors and numbers with the identity of their training; what was there becomes the one before the last.

    Raises:
        OSError: The disk is full.
    """
    with atomic_path(path) as temporary:
        try:
            torch.save({"identity": json.dumps(dict(identity)), "state": state}, temporary)
        except RuntimeError as error:  # torch does not say what the file system said
            raise OSError(errno.ENOSPC, "the disk is full", str(path)) from error
        if path.exists():
            seals.move(path, previous_checkpoint(path))


def load_checkpoint(
    path: Path, identity: Identity, device: torch.device, say: Callable[[str], None]
) -> dict[str, Any] | None:
    """Read what `save_checkpoint` wrote; None where there is nothing to go on from.

    Args:
        path: Of the last checkpoint.
        identity: Of the training that is to go on.
        device: Where the tensors go.
        say: Told of a checkpoint that cannot be read, which is removed.

    Raises:
        MaskDistillError: The checkpoint is of another training.
    """
    wanted = json.loads(json.dumps(dict(identity)))
    for file in (path, previous_checkpoint(path)):
        if not file.exists():
            continue
        try:
            content = torch.load(file, map_location=device, weights_only=True)
            found, state = dict(json.loads(content["identity"])), dict(content["state"])
        except _UNREADABLE as error:
            file.unlink(missing_ok=True)
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            say(f"{file} cannot be read and is left out ({reason}); going on from what was before it")
            continue
        if found != wanted:
            names = _differences(found, wanted)
            raise MaskDistillError(f"{file} is of another training ({names}); remove it to start anew")
        return state
    return None


def remove_checkpoints(path: Path) -> None:
    """Remove the last checkpoint of a training that is over, and the one before it."""
    for file in (path, previous_checkpoint(path)):
        file.unlink(missing_ok=True)


def previous_checkpoint(path: Path) -> Path:
    """Where the checkpoint before the last lies."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    names = [name for name in {**wanted, **found} if wanted.get(name) != found.get(name)]
    return ", ".join(f"{name} is {found.get(name)} there and {wanted.get(name)} here" for name in names)
