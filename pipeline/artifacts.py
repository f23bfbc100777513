"""The artifact store: one folder per stage run, named after the hash of all that its content depends on.

artifacts/<stage>/<key>/      zarr stores, checkpoints, and manifest.json, written last: without it nothing is there
artifacts/<stage>/<key>.lock  held by the one run that works on the folder
artifacts/evaluate/<stage>/   scores against the ground truth, where there is one
artifacts/galleries/          pictures of whole runs
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError

from maskdistill.data.atomic import write_json
from maskdistill.data.errors import CorruptArtifact, InputError
from maskdistill.data.settings import Settings

MANIFEST = "manifest.json"


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
    items: int
    unit: str
    metrics: dict[str, Any]
    failures: dict[str, str]
    """Reason for each image that was skipped."""
    files: dict[str, FileRecord]

    def size(self) -> int:
        """Bytes of all files."""
        return sum(record.size for record in self.files.values())


@dataclass(frozen=True)
class ArtifactStore:
    """All artifacts below one folder."""

    root: Path

    def path(self, stage: str, key: str) -> Path:
        """Folder of an artifact, whether it is there or not."""
        return self.root / stage / key

    def manifest(self, stage: str, key: str) -> Manifest | None:
        """The manifest of a finished artifact, None without one. Raises CorruptArtifact where it is unreadable."""
        return read_manifest(self.path(stage, key))

    def manifests(self, stage: str) -> list[Manifest]:
        """The finished artifacts of a stage, the newest first."""
        folders = [path.parent for path in (self.root / stage).glob(f"*/{MANIFEST}")]
        found = [manifest for folder in folders if (manifest := read_manifest(folder))]
        return sorted(found, key=lambda manifest: manifest.started, reverse=True)

    def find(self, name: str, asked_by: str) -> Manifest:
        """The finished artifact of that key, or of the one key that begins so; "stage/key" narrows the search.

        Raises:
            InputError: No artifact, or more than one, has such a key; `asked_by` begins the text.
        """
        stage, _, prefix = name.rpartition("/")
        folders = [path.parent for path in self.root.glob(f"*/*/{MANIFEST}") if path.parent.name.startswith(prefix)]
        found = [folder for folder in folders if stage in ("", folder.parent.name)]
        exact = [folder for folder in found if folder.name == prefix]
        keys = sorted(f"{folder.parent.name}/{folder.name}" for folder in exact or found)
        if not prefix or not keys:
            raise InputError(f"{asked_by} {name}: no finished artifact in {self.root} has a key that begins so")
        manifest = self.manifest(*keys[0].split("/")) if len(keys) == 1 else None
        if manifest is None:
            shown = ", ".join(keys)
            raise InputError(f"{asked_by} {name}: {len(keys)} artifacts have such a key: {shown}; give more of it")
        return manifest

    def is_locked(self, stage: str, key: str) -> bool:
        """Whether a run is working on the artifact right now."""
        path = self._lock_path(stage, key)
        if not path.exists():
            return False
        try:
            with FileLock(path, timeout=0):
                return False
        except Timeout:
            return True
        except OSError:  # nobody can work in a folder that may only be read
            return False

    @contextmanager
    def lock(self, stage: str, key: str) -> Iterator[None]:
        """Work on an artifact alone; waits while another run does."""
        path = self._lock_path(stage, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path):
            yield

    def set_aside(self, stage: str, key: str) -> Path:
        """Move a finished artifact out of the way and give its new place, for `restore` or for deletion."""
        aside = self.path(stage, key).with_suffix(".replaced")
        shutil.rmtree(aside, ignore_errors=True)
        self.path(stage, key).rename(aside)
        return aside

    def restore(self, stage: str, key: str) -> None:
        """Bring back what `set_aside` moved away."""
        path = self.path(stage, key)
        shutil.rmtree(path, ignore_errors=True)
        path.with_suffix(".replaced").rename(path)

    def evaluation_path(self, stage: str, key: str, labels: str) -> Path:
        """The file of an artifact's scores against the ground truth with the fingerprint `labels`."""
        return self.root / "evaluate" / stage / f"{key}-{labels}.json"

    def evaluations(self, stage: str, key: str) -> list[Path]:
        """The files of all scores of an artifact."""
        return list((self.root / "evaluate" / stage).glob(f"{key}-*.json"))

    def gallery_path(self, key: str) -> Path:
        """The picture of a whole run, by the key of its last stage."""
        return self.root / "galleries" / f"{key}.png"

    def _lock_path(self, stage: str, key: str) -> Path:
        return self.root / stage / f"{key}.lock"


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in a folder; None where there is none. Raises CorruptArtifact where it is unreadable."""
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise InputError(f"artifacts: {path}: may not be read; allow it, or name another folder") from error
    except ValidationError as error:
        raise CorruptArtifact(f"{path}: not a manifest of this version; delete {folder} to make it anew") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Publish an artifact."""
    write_json(folder / MANIFEST, manifest.model_dump(mode="json"))


def hash_key(ingredients: dict[str, Any]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the ingredients, as canonical JSON."""
    text = json.dumps(ingredients, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hash_file(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record_files(folder: Path) -> dict[str, FileRecord]:
    """Size and hash of every file below a folder, the manifest excepted."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return {
        path.relative_to(folder).as_posix(): FileRecord(size=path.stat().st_size, sha256=hash_file(path))
        for path in paths
    }
