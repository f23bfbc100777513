"""Reading weights that other projects wrote, without running any code from their files."""

import argparse
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from maskdistill.data.errors import InputError

_WRAPPERS = ("teacher", "student", "state_dict", "model_state_dict", "model", "net", "network", "backbone", "encoder")
_DEEPEST = 8
"""So many wrappers around the parameters are looked through."""
_SUFFIXES = (".safetensors", ".pth", ".pt", ".pth.tar", ".pt.tar", ".bin", ".ckpt")
_OTHERS = {
    b"version https://git-lfs": "a pointer of Git LFS, not the weights; fetch them with `git lfs pull`",
    b"<!doctype": "a web page, not weights; the download went wrong",
    b"<html": "a web page, not weights; the download went wrong",
    b"<?xml": "an XML file, not weights; the download went wrong",
    b"{": "a text, not weights",
}
"""What is taken for a file of weights by mistake, by how it begins, in lower case."""
_SCALAR: Any = np.float64(0).__reduce__()[0]
_HARMLESS: list[Any] = [
    argparse.Namespace,
    PosixPath,
    np.dtype,
    _SCALAR,
    (_SCALAR, "numpy.core.multiarray.scalar"),
    *(type(np.dtype(kind)) for kind in (np.float16, np.float32, np.float64, np.int32, np.int64, np.bool_)),
]
"""What checkpoints hold beside tensors and runs no code: their command line (DINO, MAE), paths, numbers of NumPy."""
_UNSAFE = (
    "it holds Python objects beside tensors, which may run any code when they are loaded; ask for a file of the "
    "parameters alone, or write one where you trust it: torch.save(model.state_dict(), FILE)"
)


@dataclass(frozen=True, eq=False)
class ForeignWeights:
    """What a file holds.

    Attributes:
        tensors: Parameters by name; of a training checkpoint with several networks, the teacher's.
        outer: Names at the top of the file where the parameters lie deeper; else empty.
    """

    tensors: dict[str, Tensor]
    outer: frozenset[str] = frozenset()


def check_weights_file(path: Path, where: str) -> None:
    """Raise InputError, which begins with `where`, unless the path is that of a file whose name ends as weights' do."""
    if path.is_dir():
        raise InputError(f"{where}: a folder; name a file of weights")
    if not path.name.lower().endswith(_SUFFIXES):
        raise InputError(f"{where}: give a file that ends in {', '.join(_SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"{where}: there is no such file")


def read_weights(path: Path, where: str) -> ForeignWeights:
    """Read a file of weights.

    Args:
        path: A file with one of `_SUFFIXES`, in any case.
        where: What messages begin with: the configuration field and the path.

    Raises:
        InputError: No such file, an unknown suffix, or a file that holds no tensors by name.
    """
    check_weights_file(path, where)
    _check_beginning(path, where)
    try:
        if path.suffix.lower() == ".safetensors":
            return ForeignWeights(load_file(path))
        with torch.serialization.safe_globals(_HARMLESS):
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # What torch says ends in the advice to load the file unsafely.
        unsafe = "weights_only" in str(error) or "GLOBAL" in str(error)
        raise InputError(f"{where}: cannot be read as weights: {_UNSAFE if unsafe else first_line(error)}") from None
    except Exception as error:  # damaged files make the readers raise nearly anything
        raise InputError(f"{where}: cannot be read as weights ({first_line(error)})") from error
    return _unwrap(content, where)


def check_values(tensors: Mapping[str, Tensor], model: Mapping[str, Tensor], where: str) -> None:
    """Refuse numbers that torch would load without a word, though no network can work with them.

    Args:
        tensors: Of the file; names that the model lacks are not looked at.
        model: The state of the model. Where that holds integers, as the counters of batch norms do, anything goes.
        where: What messages begin with.

    Raises:
        InputError: A tensor for floating-point numbers holds integers, complex numbers, infinity or nan.
    """
    for name, wanted in model.items():
        value = tensors.get(name)
        if value is None or not wanted.is_floating_point():
            continue
        if not value.is_floating_point():
            kind = str(value.dtype).removeprefix("torch.")
            raise InputError(f"{where}: {name} holds {kind} where floating-point numbers belong; the file is damaged")
        # In the type of the model, in which a large number may become infinite.
        if not torch.isfinite(value.to(wanted.dtype)).all():
            raise InputError(f"{where}: {name} holds numbers that are not finite; give another file")


def first_line(error: Exception) -> str:
    """What an error says, without the advice that libraries put below; its type where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def listed(names: list[str], most: int = 3) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most]) or 'none'}{more}"


def _check_beginning(path: Path, where: str) -> None:
    """Raise InputError where a file is plainly something else."""
    with path.open("rb") as file:
        start = file.read(64).lstrip().lower()
    if not start:
        raise InputError(f"{where}: the file is empty; the download went wrong")
    for beginning, what in _OTHERS.items():
        if start.startswith(beginning):
            raise InputError(f"{where}: {what}")


def _unwrap(content: Any, where: str) -> ForeignWeights:
    top = content
    for _ in range(_DEEPEST):  # a dict may hold itself
        if not isinstance(content, dict):
            break
        inner = next((name for name in _WRAPPERS if isinstance(content.get(name), dict)), None)
        if inner is None:
            break
        content = content[inner]
    items = content.items() if isinstance(content, dict) else ()
    tensors = {name: value for name, value in items if isinstance(value, Tensor)}
    if not tensors:
        raise InputError(f"{where}: holds no parameters by name")
    return ForeignWeights(tensors, frozenset() if content is top else frozenset(map(str, top)))
