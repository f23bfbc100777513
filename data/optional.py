"""Libraries that only some users need: imported when they are used, with a message that says how to install them."""

from importlib import import_module
from typing import Any

from maskdistill.data.errors import InputError


def import_optional(module: str, needed_by: str, remedy: str) -> Any:
    """Import a module that the project does not require.

    Args:
        module: Its dotted name.
        needed_by: What the user asked for, for the message.
        remedy: How to install it, for the message.

    Raises:
        InputError: It is not installed; the text says how to install it.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in (package, module):  # something that the library itself needs
            raise
        raise InputError(f"{needed_by} needs {package}, which is not installed: {remedy}") from None
