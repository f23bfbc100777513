"""Profiles: settings that fit an experiment to the hardware, chosen by name or by what the machine has."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskdistill.data.errors import InputError
from maskdistill.pipeline.config_files import config_names

_AUTO, _NONE = "auto", "none"
_GPUS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
"""Devices that the drivers of GPUs make: asking torch would take seconds before any configuration is read."""


def has_gpu(environment: Mapping[str, str] = os.environ, devices: tuple[str, ...] = _GPUS) -> bool:
    """Whether a GPU is there and not hidden."""
    hidden = environment.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and any(Path(device).exists() for device in devices)


def chosen_profile(name: Any, device: Any, *, gpu: bool) -> str:
    """The profile that a configuration asks for: its name, or "none".

    Args:
        name: As configured: "auto" takes "cpu" where there is no GPU, and none where there is one.
        device: `execution.device`, where it is set.
        gpu: Whether there is one.

    Raises:
        InputError: There is no such profile.
    """
    if name == _AUTO:
        return _NONE if gpu and device != "cpu" else "cpu"
    profiles = [_NONE, *(known for known, path in config_names().items() if path.parent.name == "profiles")]
    if name not in profiles:
        raise InputError(f"profile: {name}: must be one of {', '.join([_AUTO, *profiles])}")
    return str(name)
