"""Full precision behind the parts of a detector that boxes and anchors come from or take their type from."""

from typing import Any

from torch import Tensor, nn


def keep_float32(*modules: nn.Module) -> None:
    """Have modules give float32 under autocast too: with the 8 bits of bfloat16, box corners beyond 256 px would be
    rounded to 2 px and more."""
    for module in modules:
        module.register_forward_hook(_undo_autocast)


def _undo_autocast(module: nn.Module, inputs: Any, output: Any) -> Any:
    return _to_float32(output)


def _to_float32(output: Any) -> Any:
    if isinstance(output, Tensor):
        return output.float()
    if isinstance(output, dict):
        return {name: _to_float32(item) for name, item in output.items()}
    return type(output)(_to_float32(item) for item in output)
