"""The YAML files of a configuration: which file a name stands for, and where the weights lie that a file names.

Two rules make an experiment run from any folder:

1. What `-c` names is the path of a file, or else the name of an experiment that comes with the package: `-c demo`.
2. A relative path of `weights` is tried against the working folder first, then against the folder of its YAML file.
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from maskdistill.data.errors import InputError
from maskdistill.data.text import decode_text
from maskdistill.data.typed import TypedScalar
from maskdistill.data.yaml_text import read_yaml

_FOLDERS = ("", "profiles")
"""Below `configs/`, those whose files have names."""
_MOST_BYTES = 250_000
"""Of a configuration; a larger file is something else, and YAML is slow to read."""


def config_names() -> dict[str, Path]:
    """The experiments and profiles that come with the package, by the name that `-c` takes."""
    shipped = Path(str(files("maskdistill.configs")))
    return {path.stem: path for folder in _FOLDERS for path in sorted((shipped / folder).glob("*.yaml"))}


def find_config(name: Path) -> Path:
    """The file that `-c` names: the file at this path, else the shipped one of this name. Raises InputError."""
    if name.exists() and not name.is_dir():
        return name
    names = config_names()
    if str(name) in names:
        return names[str(name)]
    if name.is_dir():
        raise InputError(f"{name}: a folder, not a configuration file; name a YAML file with -c FILE")
    raise InputError(
        f"{name}: no such configuration file; name one with -c FILE, or one that comes along: {', '.join(names)}"
    )


def read_config(name: Path) -> dict[str, Any]:
    """The content of the file that `-c` names, its weights found. Raises InputError where it is no configuration."""
    path = find_config(name)
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = decode_text(content)
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{name}: not a YAML file ({error}); save it as UTF-8") from None
    if len(content) > _MOST_BYTES:
        raise InputError(
            f"{name}: more than {_MOST_BYTES} bytes, which no configuration is; name a YAML file with -c FILE"
        )
    tree = read_yaml(text, str(name))
    if tree is None or (isinstance(tree, TypedScalar) and tree.value is None):
        return {}
    if not isinstance(tree, dict):
        found = "list" if isinstance(tree, list) else "single value"
        raise InputError(f"{name}: a configuration is a mapping of sections, not a {found}")
    return _find_weights(tree, path.parent)


def _find_weights(tree: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The same tree; paths of weights that are not there, but are below the folder, start with the folder."""

    def find(name: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return _find_weights(value, folder)
        if name != "weights" or not isinstance(value, str) or Path(value).is_file():
            return value
        beside = folder / value
        # Words such as `pretrained` have no suffix, whatever lies beside the file.
        return str(beside) if beside.suffix and beside.is_file() else value

    return {name: find(name, value) for name, value in tree.items()}
