"""JSON files that carry the hash of their content, so that a damaged one is never taken for a whole one."""

import json
from pathlib import Path
from typing import Any

from maskdistill.data.atomic import write_json
from maskdistill.data.hashes import hash_text

CHECKSUM = "checksum"


def write_checked(path: Path, content: dict[str, Any]) -> None:
    """Write JSON values by name, and their hash, in one step. NaN and infinity raise ValueError."""
    write_json(path, {**content, CHECKSUM: checksum_of(content)})


def read_checked(text: bytes) -> tuple[dict[str, Any], bool | None]:
    """The values in such a file, and whether they are what was written; None where it carries no hash.

    Raises:
        ValueError: It is no JSON object.
    """
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError("too deep") from error
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    checksum = content.pop(CHECKSUM, None)
    return content, None if checksum is None else checksum == checksum_of(content)


def checksum_of(content: dict[str, Any]) -> str:
    """Hash of JSON values, however they are laid out."""
    return hash_text(json.dumps(content, sort_keys=True))
