"""What was changed by hand in the masks and clusters of a run: a YAML file that people can read, compare and undo.

A mask is named by its image, and by its box and area, so that a file still fits after images were added.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError

from maskdistill.data.atomic import atomic_path
from maskdistill.data.errors import InputError
from maskdistill.data.hashes import hash_text
from maskdistill.data.settings import Settings
from maskdistill.data.text import decode_text
from maskdistill.data.typed import plain
from maskdistill.data.yaml_text import read_yaml

Tag = Literal["flagged", "excluded"]
TAGS: tuple[Tag, ...] = ("flagged", "excluded")
MaskName = Annotated[str, Field(pattern=r"^\d+ \d+ \d+ \d+ \d+$")]
ClusterName = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
ClusterNumber = Annotated[int, Field(ge=0, le=65_535)]
_HEAD = """\
# What was changed by hand; `maskdistill view --edit` writes this file. A mask is named by its image, and by its x, y,
# width, height and area in px. "flagged" marks something to come back to, and changes nothing.
"""


class ImageTags(Settings):
    """Images by their tag."""

    flagged: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    """Nothing is learnt from these."""


class MaskTags(Settings):
    """Mined masks by their tag and image."""

    flagged: dict[str, tuple[MaskName, ...]] = Field(default_factory=dict)
    excluded: dict[str, tuple[MaskName, ...]] = Field(default_factory=dict)
    """Nothing is learnt from these."""


class Split(Settings):
    """A cluster that is taken apart: the largest part keeps its number, and the others get the next free ones."""

    cluster: ClusterNumber
    into: int = Field(ge=2, le=20)


class ClusterEdits(Settings):
    """Clusters by their number: split in the order given, then merged, then named."""

    of: str = ""
    """Key of the artifact that the numbers are about."""
    split: tuple[Split, ...] = ()
    merged: tuple[tuple[ClusterNumber, ...], ...] = ()
    """Groups that become one, which keeps the lowest number; the other numbers are not used any more."""
    names: dict[ClusterNumber, ClusterName] = Field(default_factory=dict)

    @property
    def added(self) -> int:
        """How many numbers the splits add."""
        return sum(split.into - 1 for split in self.split)


class Edits(Settings):
    """All that was changed by hand."""

    images: ImageTags = Field(default_factory=ImageTags)
    masks: MaskTags = Field(default_factory=MaskTags)
    clusters: ClusterEdits = Field(default_factory=ClusterEdits)

    @property
    def effect(self) -> dict[str, Any]:
        """What changes the masks to learn from, as JSON values; {} where nothing does: tags to look at, and names."""
        found = {
            "images": sorted(self.images.excluded),
            "masks": {image: sorted(names) for image, names in sorted(self.masks.excluded.items()) if names},
            "split": [[split.cluster, split.into] for split in self.clusters.split],
            "merged": sorted(sorted(group) for group in self.clusters.merged),
        }
        return {name: value for name, value in found.items() if value}

    def digest(self) -> str:
        """Hash of that."""
        return f"sha256:{hash_text(json.dumps(self.effect, sort_keys=True))}"

    def describe(self) -> str:
        """In a few words: "10 masks excluded, 2 clusters merged"."""
        counts = (
            (len(self.images.excluded), "image", "excluded"),
            (sum(map(len, self.masks.excluded.values())), "mask", "excluded"),
            (len(self.clusters.split), "cluster", "split"),
            (sum(map(len, self.clusters.merged)), "cluster", "merged"),
            (len(self.clusters.names), "cluster", "named"),
        )
        found = [f"{n} {what}{'s' * (n != 1)} {done}" for n, what, done in counts if n]
        return ", ".join(found) or "nothing changed"


NO_EDITS = Edits()


def read_edits(path: Path) -> Edits:
    """The edits in a file. Raises InputError that names file, place and remedy."""
    try:
        tree = plain(read_yaml(decode_text(path.read_bytes()), str(path)))
        return NO_EDITS if tree is None else Edits.model_validate(_with_numbers(tree))
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: not a file of edits ({error}); save it as UTF-8") from None
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, one['loc']))}: {one['msg']} (got {one['input']!r})" for one in error.errors()]
        raise InputError("\n".join([f"{path}: not a usable file of edits; mend or remove:", *lines])) from None


def write_edits(path: Path, edits: Edits) -> None:
    """Write a file of edits in one step, one line for each thing that was changed."""
    values = edits.model_dump(mode="json", exclude_defaults=True)
    if edits.clusters.names:  # JSON has texts alone for names
        values["clusters"]["names"] = edits.clusters.names
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=10**6) if values else "{}\n"
    with atomic_path(path) as temporary:
        temporary.write_text(_HEAD + text, encoding="utf-8")


def _with_numbers(tree: Any) -> Any:
    """The same; names of clusters by number, which are read as texts, and those that look like numbers as names."""
    clusters = tree.get("clusters") if isinstance(tree, dict) else None
    if not isinstance(clusters, dict) or not isinstance(clusters.get("names"), dict):
        return tree
    texts = {int(key) if str(key).isdigit() else key: _as_text(name) for key, name in clusters["names"].items()}
    return tree | {"clusters": clusters | {"names": texts}}


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
