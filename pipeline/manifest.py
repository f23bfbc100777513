"""The manifest of an artifact: what it is, how it came about, and which files belong to it. Written last."""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import Field

from maskdistill.data.checked_json import read_checked, write_checked
from maskdistill.data.errors import CorruptArtifact, InputError
from maskdistill.data.hashes import hash_file
from maskdistill.data.seals import SEALS
from maskdistill.data.settings import Settings

MANIFEST = "manifest.json"
RUN_LOG = "run.log"
"""What the stage had to say, see `run_log.py`; no part of what it made."""


class FileRecord(Settings):
    """Size in bytes and SHA-256 of one file of an artifact."""

    size: int
    sha256: str


class Manifest(Settings):
    """What an artifact is, how it came about, and which files belong to it."""

    stage: str
    key: str
    ingredients: dict[str, Any]
    """All that the key is the hash of."""
    config: dict[str, Any]
    """The whole resolved configuration of the run that made it."""
    environment: dict[str, str | None]
    """Package versions, Python, platform, git commit; device, threads and precision where a network computed."""
    started: str
    """UTC, ISO 8601."""
    seconds: float
    peak_memory: int | None = None
    """Bytes that the main process held at most while the stage ran; None in manifests of earlier versions."""
    items: int
    unit: str
    metrics: dict[str, Any]
    failures: dict[str, str]
    """Reason for each image that was skipped."""
    health: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """What may look wrong, how many of how many; see `health.py`. Empty in manifests of earlier versions."""
    files: dict[str, FileRecord]

    def size(self) -> int:
        """Bytes of all files."""
        return sum(record.size for record in self.files.values())


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in a folder; None where there is none. Raises CorruptArtifact where it is unreadable or altered."""
    path = folder / MANIFEST
    remedy = f"remove it with `maskdistill verify --repair`, or delete {folder}, to make it anew"
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise InputError(f"artifacts: {path}: may not be read; allow it, or name another folder") from error
    except OSError as error:
        raise CorruptArtifact(f"{path}: cannot be read ({error.strerror}); {remedy}") from error
    return parse_manifest(text, str(path), remedy)


def parse_manifest(text: bytes, where: str, remedy: str) -> Manifest:
    """A manifest from the content of its file; `where` it lies begins what is said if it is unreadable or altered.

    Raises:
        CorruptArtifact: It is; the text ends with `remedy`.
    """
    try:
        content, whole = read_checked(text)
        manifest = Manifest.model_validate(content)
    except ValueError as error:
        raise CorruptArtifact(f"{where}: not a manifest of this version; {remedy}") from error
    if whole is False:  # those of earlier versions carry no hash
        raise CorruptArtifact(f"{where}: its content is not what was written; {remedy}")
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Publish an artifact."""
    write_checked(folder / MANIFEST, manifest.model_dump(mode="json"))


def record_files(folder: Path) -> dict[str, FileRecord]:
    """Size and hash of every file below a folder, but for the manifest and what is there for an unfinished one."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not is_extra(path.relative_to(folder)))
    return {
        path.relative_to(folder).as_posix(): FileRecord(size=path.stat().st_size, sha256=hash_file(path))
        for path in paths
    }


def unrecorded_files(folder: Path, manifest: Manifest) -> list[str]:
    """Names of the files below a folder that its manifest does not list."""
    names = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(name.as_posix() for name in names if not is_extra(name) and name.as_posix() not in manifest.files)


def hash_key(ingredients: dict[str, Any]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the ingredients, as canonical JSON."""
    text = json.dumps(ingredients, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_extra(name: Path) -> bool:
    """Whether a file, by its name within the folder of an artifact, is about the others and not listed."""
    return name.as_posix() in (MANIFEST, RUN_LOG) or name.parts[0] == SEALS
