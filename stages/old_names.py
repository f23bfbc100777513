"""Configurations of earlier versions: settings that have another name or place now are still read. No torch."""

from collections.abc import Mapping
from typing import Any

from maskdistill.data.typed import plain

_AFFINITY = (
    "short_side",
    "max_patches",
    "block",
    "center_keys",
    "n_heads",
    "topk_fraction",
    "attention_mass",
    "max_masks",
    "min_area",
    "fill_holes",
    "opening",
)
MOVED = {
    "backbone": "imitate",
    **{f"mine.{name}": f"mine.affinity.{name}" for name in _AFFINITY},
    "mine.import_images": "mine.import.images",
    "distill.neck": "distill.detectron2.neck",
    "segment.channels": "segment.deeplab.channels",
    "segment.dilations": "segment.deeplab.dilations",
}
"""Old and new name of a section or setting."""
RENAMED_VALUES = {("distill.weights", "backbone"): "imitate", ("segment.weights", "backbone"): "imitate"}
"""New value of a setting that had an old one."""

FORMER_STAGES = ("backbone",)
"""Stages that have another name now, whose artifacts nothing uses any more."""

Tree = dict[str, Any]


def modernise(tree: Tree) -> list[str]:
    """Bring a configuration, as read from a file, into today's form, in place.

    Returns:
        What was changed, one note for each setting: "mine.block is mine.affinity.block now".
    """
    notes = []
    for old, new in MOVED.items():
        found, value = _take(tree, old)
        if found:
            _put(tree, new, value)
            notes.append(f"{old} is {new} now")
    for (name, old), new in RENAMED_VALUES.items():
        section, field = _section_of(tree, name)
        if isinstance(section, dict) and section.get(field) == old:
            section[field] = new
            notes.append(f"{name}: {old} is {name}: {new} now")
    section = tree.get("mine")
    if isinstance(section, dict) and "import" in section and not isinstance(section["import"], Mapping):
        path = section.pop("import")
        section |= {"method": "affinity"} if plain(path) is None else {"method": "import", "import": {"file": path}}
        notes.append("mine.import is mine.import.file now, and goes with mine.method: import")
    return notes


def modern_section(name: str, section: Mapping[str, Any]) -> Tree:
    """The settings of one stage in today's form, such as those that a trained model was written with."""
    tree: Tree = {name: dict(section)}
    modernise(tree)
    return dict(tree[name])


def _section_of(tree: Tree, name: str) -> tuple[Any, str]:
    """The section that holds a dotted setting, or something else where there is no such section, and its last name."""
    *sections, field = name.split(".")
    at: Any = tree
    for section in sections:
        at = at.get(section) if isinstance(at, dict) else None
    return at, field


def _take(tree: Tree, name: str) -> tuple[bool, Any]:
    section, field = _section_of(tree, name)
    if not isinstance(section, dict) or field not in section:
        return False, None
    return True, section.pop(field)


def _put(tree: Tree, name: str, value: Any) -> None:
    """Set a dotted setting; one that is there under its new name already is left as it is."""
    *sections, field = name.split(".")
    for section in sections:
        if tree.get(section) is None:
            tree[section] = {}
        tree = tree[section]
        if not isinstance(tree, dict):  # is not what it should be; checking the settings will say so
            return
    if isinstance(value, dict) and isinstance(tree.get(field), dict):
        tree[field] = {**value, **tree[field]}
    else:
        tree.setdefault(field, value)
