"""What changed: one answer for the status, the comparison of two artifacts, and the report."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from maskdistill.stages.curate.config import STANDS_IN_FOR
from maskdistill.stages.registry import KINDS

Tree = Mapping[str, Any]
Changes = dict[str, tuple[Any, Any]]
"""By name, the values in the first and in the second; None where one of them lacks it."""
_CURATED, _CURATED_FROM = "inputs.curate", tuple(f"inputs.{stage}" for stage in STANDS_IN_FOR)
FindIngredients = Callable[[str, str], Tree | None]
"""Gives the ingredients of an artifact by stage and key; None where the artifact is not there."""


def flatten(tree: Tree) -> dict[str, Any]:
    """The values of a tree of mappings by dotted name, such as `cluster.k`."""
    return dict(_leaves(tree, ""))


def changed_values(first: Tree, second: Tree) -> Changes:
    """The values, by dotted name, in which two trees of mappings differ."""
    a, b = flatten(first), flatten(second)
    return {name: (a.get(name), b.get(name)) for name in sorted({*a, *b}) if a.get(name) != b.get(name)}


def changed_ingredients(first: Tree, second: Tree, find: FindIngredients = lambda stage, key: None) -> Changes:
    """What two artifacts of one stage were made from differently.

    Args:
        first: Ingredients of the first artifact; see `Manifest.ingredients`.
        second: Those of the second.
        find: Looks up the artifacts that they were made from, where the settings behind these are asked for.

    Returns:
        Both values by the name that a user knows: a setting as `mine.short_side`; a file, by its hash, as
        `mine.weights`; `mine.version`, `data` and `seed`; and `input mine`, the keys of an artifact that they were
        made from, where `find` does not know both of them.
    """
    stage, found = second["stage"], changed_values(first, second)
    # Where the method is another one, that it brings settings of its own says nothing.
    chosen = (found.get(f"settings.{field}", ()) for field in {kind.field for kind in KINDS})
    methods = tuple(f"settings.{method}." for methods in chosen for method in methods)
    found = {name: values for name, values in found.items() if not name.startswith(methods)}
    changes: Changes = {}
    for name, (a, b) in found.items():
        if name == _CURATED and None in (a, b):  # masks and clusters then come from there, or no more
            changes["curate.edits"] = ("none" if a is None else "some", "none" if b is None else "some")
        elif name.startswith("inputs.") and not (_CURATED in found and name in _CURATED_FROM):
            changes |= _changed_input(name.removeprefix("inputs."), a, b, find)
    own = {_known_name(stage, name): values for name, values in found.items() if not name.startswith("inputs.")}
    return changes | own


def describe_changes(changes: Changes) -> str:
    """The changes from the first to the second, in one line."""
    return "; ".join(_describe(name, *values) for name, values in changes.items())


def _leaves(tree: Tree, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _changed_input(stage: str, first: str | None, second: str | None, find: FindIngredients) -> Changes:
    upstream = [find(stage, key) if key else None for key in (first, second)]
    if upstream[0] and upstream[1]:
        return changed_ingredients(upstream[0], upstream[1], find)
    return {f"input {stage}": (first, second)}


def _known_name(stage: str, name: str) -> str:
    known = name.removeprefix("settings.").removeprefix("files.")
    return known if known in ("data", "seed") else f"{stage}.{known}"


def _describe(name: str, old: Any, new: Any) -> str:
    # Hashes and keys are there to be told apart only.
    hashed = name == "data" or name.startswith("input ") or "sha256:" in f"{old} {new}"
    return f"{name} changed" if hashed else f"{name}: {old} -> {new}"
