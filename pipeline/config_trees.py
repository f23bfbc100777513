"""The settings of a configuration as a tree, before they are checked: joining trees, and finding a place in one."""

import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from maskdistill.data.config import DataConfig
from maskdistill.data.typed import Location


def merge(tree: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Change a tree in place; another kind of data keeps only the settings that it has in common with the old one."""
    kind = data_kind(changes)
    if kind in data_models() and kind != data_kind(tree) and isinstance(tree.get("data"), dict):
        known = data_models()[kind].model_fields
        tree["data"] = {name: value for name, value in tree["data"].items() if name in known}
    for name, value in changes.items():
        child = tree.get(name)
        if isinstance(child, dict) and isinstance(value, Mapping):
            merge(child, value)
        else:
            tree[name] = value


def location_of(problem: Mapping[str, Any], tree: Mapping[str, Any]) -> Location:
    """The names of the sections and of the field that a problem is about."""
    location = [str(part) for part in problem["loc"] if part != "[key]"]
    if location[:1] == ["data"] and location[1:2] == [data_kind(tree)]:
        del location[1]
    return tuple(location)


def typed_at(tree: Any, location: Location) -> str:
    """File and line of a value, where it was typed into a file."""
    for part in location:
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    where = getattr(tree, "where", "-s ")
    return "" if where.startswith("-s ") else f" ({where})"


def data_models() -> dict[str, type[BaseModel]]:
    """The settings of each kind of data."""
    union: Sequence[type[BaseModel]] = typing.get_args(typing.get_args(DataConfig)[0])
    return {typing.get_args(model.model_fields["kind"].annotation)[0]: model for model in union}


def data_kind(tree: Mapping[str, Any]) -> str | None:
    """The kind of data that a tree asks for; None where it does not, or not in words."""
    data = tree.get("data")
    kind = data.get("kind") if isinstance(data, dict) else None
    return kind if isinstance(kind, str) else None
