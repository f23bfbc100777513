"""Networks as files that other programs run: ONNX or TorchScript."""

import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

OPSET = 18
"""The first in which images are made smaller with antialiasing."""
_FLOAT, _INT64 = 1, 7
"""Types, as ONNX numbers them."""


class PixelNetwork(nn.Module):
    """A network from pixels, uint8 (B, 3, H, W) RGB, to what is made of them.

    Attributes:
        size_hw: The size, px, of the images that the file is written for; None = any.
        outputs: Names of what it gives.
    """

    size_hw: tuple[int, int] | None
    outputs: tuple[str, ...]

    def example_hw(self) -> tuple[int, int]:
        """A size, px, that it is exported at where it takes any."""
        raise NotImplementedError


def write_onnx(network: PixelNetwork, path: Path) -> None:
    """Write an ONNX file that takes `image` and gives the network's outputs.

    One of any size is exported by what it does; one of a fixed size is recorded, so that it may hold loops whose length
    depends on the image, as torchvision's detectors do.
    """
    names: dict[str, Any] = {"input_names": ["image"], "output_names": list(network.outputs)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters' own, about themselves
        if network.size_hw is not None:
            n_found = {name: {0: "n"} for name in network.outputs}
            torch.onnx.export(
                network,
                (_blank(network.size_hw),),
                path,
                dynamo=False,
                dynamic_axes=n_found,
                opset_version=OPSET,
                **names,
            )
            return
        any_size = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
        program = torch.onnx.export(
            network,
            (_blank(network.example_hw()),),
            dynamic_shapes=(any_size,),
            # Sizes are rounded in Python, for which the exporter has no translation.
            custom_translation_table={round: _rounding()},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
            **names,
        )
    assert program is not None
    program.save(path, external_data=False)


def write_torchscript(network: PixelNetwork, path: Path) -> None:
    """Write a TorchScript file; the network must have a fixed `size_hw`."""
    assert network.size_hw is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that sizes within the network are fixed, and that torch means to replace it
        traced = torch.jit.trace(network, (_blank(network.size_hw),), check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, path)


def _rounding() -> Any:
    op: Any = import_module("onnxscript").opset18

    def rounded(value: Any, digits: None = None) -> Any:
        return op.Cast(op.Round(op.Cast(value, to=_FLOAT)), to=_INT64)

    return rounded


def _blank(size_hw: tuple[int, int]) -> torch.Tensor:
    return torch.zeros(1, 3, *size_hw, dtype=torch.uint8)
