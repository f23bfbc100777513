"""Whether pretrained weights can be downloaded at all: asked first, as the library that does it tries for minutes."""

import socket
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import timm
import torch
from huggingface_hub import constants, try_to_load_from_cache
from torch import nn

_FILES = ("model.safetensors", "pytorch_model.bin")
_PORTS = {"http": 80, "https": 443}
_PATIENCE_S = 5.0


def create_model(model: str, *, pretrained: bool = False, **options: Any) -> nn.Module:
    """A model of timm. Raises OSError where its pretrained weights are neither here nor within reach."""
    if pretrained and not _is_here(model):
        check_reachable(constants.ENDPOINT)
    network: nn.Module = timm.create_model(model, pretrained=pretrained, **options)
    return network


def check_reachable(address: str, patience_s: float = _PATIENCE_S) -> None:
    """Raise OSError where nobody answers at a URL within some seconds; with a proxy, nothing is checked."""
    parts = urlsplit(address)
    if parts.scheme in getproxies() or parts.hostname is None:
        return
    try:
        socket.create_connection((parts.hostname, parts.port or _PORTS[parts.scheme]), patience_s).close()
    except OSError as error:
        raise OSError(f"{parts.hostname} cannot be reached: {error.strerror or error}") from None


def _is_here(model: str) -> bool:
    """Whether the files of a model are in the cache."""
    config = timm.get_pretrained_cfg(model)
    where = getattr(config, "hf_hub_id", None)
    return where is None or any(isinstance(try_to_load_from_cache(where, file), str) for file in _FILES)


def download_bytes(model: str) -> int:
    """About how much timm has to download for the pretrained weights of a model; 0 where they are here."""
    if _is_here(model):
        return 0
    with torch.device("meta"):
        network: nn.Module = timm.create_model(model)
    return sum(value.numel() * value.element_size() for value in network.state_dict().values())
