"""How a part of the mining stage rests on disk, whoever found its masks."""

import json
from collections.abc import Sequence
from pathlib import Path

from maskdistill.data.atomic import write_json
from maskdistill.data.catalog import MINED
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder, merge_parts

_FAILURES = "failures.json"


def save_part(path: Path, builder: MaskStoreBuilder, failures: dict[str, str]) -> None:
    """Write masks and the reasons of unreadable images into a new folder."""
    path.mkdir()
    builder.build().save(path / MINED.file)
    write_json(path / _FAILURES, failures)


def read_failures(parts: Sequence[Path]) -> dict[str, str]:
    """Reason for each unreadable image of some parts."""
    return {name: why for part in parts for name, why in json.loads((part / _FAILURES).read_text()).items()}


def merge_masks(parts: Sequence[Path], path: Path) -> MaskStore:
    """Join the masks of all parts into one store at `path`."""
    return merge_parts([part / MINED.file for part in parts], path)
