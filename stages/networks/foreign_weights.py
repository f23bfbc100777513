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
from maskdistill.stages.weights import check_weights_file

_WRAPPERS = ("teacher", "student", "state_dict", "model_state_dict", "model", "net", "network", "backbone", "encoder")
_DEEPEST = 8
"""So many wrappers around the parameters are looked through."""
_SCALAR: Any = np.float64(0).__reduce__()[0]
_ARRAY: Any = np.zeros(1).__reduce__()[0]
_HARMLESS: list[Any] = [
    argparse.Namespace,
    PosixPath,
    np.dtype,
    np.ndarray,
    _ARRAY,
    (_ARRAY, "numpy.core.multiarray._reconstruct"),
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


def read_weights(path: Path, where: str) -> ForeignWeights:
    """Read a file of weights.

    Args:
        path: A file with one of the endings of weights, in any case.
        where: What messages begin with: the configuration field and the path.

    Raises:
        InputError: No such file, an unknown suffix, or a file that holds no tensors by name.
    """
    check_weights_file(path, where)
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
        why = "the file is cut off or damaged; download it again"
        known = "zip archive" in str(error) or "weights_only" in str(error)
        raise InputError(f"{where}: cannot be read as weights ({why if known else first_line(error)})") from error
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


def _unwrap(content: Any, where: str) -> ForeignWeights:
    top = content
    for _ in range(_DEEPEST):  # a dict may hold itself
        inner = _inner(content) if isinstance(content, dict) else None
        if inner is None:
            break
        content = inner
    items = content.items() if isinstance(content, dict) else ()
    tensors = {name: value for name, value in items if isinstance(name, str) and isinstance(value, Tensor)}
    if not tensors:
        raise InputError(f"{where}: holds no parameters by name")
    return ForeignWeights(tensors, frozenset() if content is top else frozenset(map(str, top)))


def _inner(content: dict[Any, Any]) -> dict[Any, Any] | None:
    """What the parameters lie in, a level deeper: under one of the usual names, else where there are any at all."""
    inner = next((content[name] for name in _WRAPPERS if isinstance(content.get(name), dict)), None)
    if inner is not None or any(isinstance(value, Tensor) for value in content.values()):
        return inner
    others = [value for value in content.values() if isinstance(value, dict) and _holds_parameters(value)]
    return others[0] if len(others) == 1 else None


def _holds_parameters(content: dict[Any, Any]) -> bool:
    return sum(isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()) > 1
