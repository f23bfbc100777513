"""JSON files that nobody vouches for: reading them and their fields with errors that name the file and the field."""

import json
from pathlib import Path
from typing import Any

from maskdistill.data.errors import InputError


def read_json_object(path: Path, kind: str) -> dict[str, Any]:
    """The object that a file holds; `kind` says in the InputError what it should have been."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: the file cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: {kind}, not a {type(content).__name__}")
    return content


def json_items(content: dict[str, Any], name: str, path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The objects of a list by where they stand, for messages."""
    items = json_field(content, name, list, str(path))
    for i, item in enumerate(items):
        if not isinstance(item, dict):
            raise InputError(f"{path}: {name}[{i}] must be an object")
    return [(f"{path}: {name}[{i}]", item) for i, item in enumerate(items)]


def json_field(item: dict[str, Any], name: str, kind: type | tuple[type, ...], where: str) -> Any:
    """A field of an object. Raises InputError, beginning with `where`, where it is missing or of another type."""
    value = item.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        found = "is missing" if name not in item else f"is {type(value).__name__}"
        kinds = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
        raise InputError(f"{where}: field {name!r} {found}, it must be {kinds}")
    return value
