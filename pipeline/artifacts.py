"""The artifact store: one folder per stage run, named after the hash of all that its content depends on.

artifacts/<stage>/<key>/         zarr stores, checkpoints, and manifest.json, written last: without it nothing is there
artifacts/<stage>/<key>.lock     held by the one run that works on the folder
artifacts/<stage>/<key>.readers  held, shared, by all who read it
artifacts/<stage>/<key>.new      a folder that is to take its place, while it is made
artifacts/evaluate/<stage>/      scores against the ground truth, where there is one
artifacts/galleries/             pictures of whole runs
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from maskdistill.data.atomic import remove
from maskdistill.data.errors import CorruptArtifact, InputError
from maskdistill.pipeline import readers
from maskdistill.pipeline.exchange import exchange
from maskdistill.pipeline.manifest import MANIFEST, Manifest, read_manifest

_NEW, _OLD, _GONE = ".new", ".replaced", ".deleted"


@dataclass(frozen=True)
class ArtifactStore:
    """All artifacts below one folder."""

    root: Path

    def path(self, stage: str, key: str) -> Path:
        """Folder of an artifact, whether it is there or not."""
        return self.root / stage / key

    def manifest(self, stage: str, key: str) -> Manifest | None:
        """The manifest of a finished artifact, None without one.

        Raises:
            CorruptArtifact: It is unreadable, altered, or that of another artifact.
        """
        folder = self.path(stage, key)
        manifest = read_manifest(folder)
        if manifest is not None and (manifest.stage, manifest.key) != (stage, key):
            raise CorruptArtifact(
                f"{folder / MANIFEST}: is that of {manifest.stage}/{manifest.key}; remove it with `maskdistill verify "
                f"--repair`, or delete {folder}"
            )
        return manifest

    def require(self, stage: str, key: str) -> Manifest:
        """The same, which has to be there. Raises CorruptArtifact where it is not."""
        manifest = self.manifest(stage, key)
        if manifest is None:
            raise CorruptArtifact(f"{self.path(stage, key)}: its manifest is gone")
        return manifest

    def manifests(self, stage: str) -> list[Manifest]:
        """The finished artifacts of a stage, the newest first; those with a damaged manifest are left out."""
        found = []
        for folder in self._finished(stage):
            with suppress(CorruptArtifact):
                found.append(self.manifest(stage, folder.name))
        return sorted(filter(None, found), key=lambda manifest: manifest.started, reverse=True)

    def find(self, name: str, asked_by: str) -> Manifest:
        """The finished artifact of that key, or of the one key that begins so; "stage/key" narrows the search.

        Raises:
            InputError: No artifact, or more than one, has such a key; `asked_by` begins the text.
        """
        stage, _, prefix = name.rpartition("/")
        folders = [folder for folder in self._finished("*") if folder.name.startswith(prefix)]
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

    def readers_file(self, stage: str, key: str) -> Path:
        """The lock of those who read an artifact, for `readers.hold`."""
        return self.root / stage / f"{key}.readers"

    def new_path(self, stage: str, key: str) -> Path:
        """Where the artifact is made that is to take the place of a finished one."""
        return self.path(stage, key).with_suffix(_NEW)

    def replace(self, stage: str, key: str, tell: Callable[[str], None]) -> None:
        """Put what is in `new_path` in the place of a finished artifact, in one step; waits for its readers."""
        with readers.alone(self.readers_file(stage, key), f"{stage}/{key}", tell):
            exchange(self.new_path(stage, key), self.path(stage, key))
        shutil.rmtree(self.new_path(stage, key))

    def settle(self, stage: str, key: str) -> None:
        """Put what is in `new_path` where no finished artifact is; the caller holds the lock."""
        remove(self.path(stage, key))
        self.new_path(stage, key).rename(self.path(stage, key))

    def delete(self, stage: str, key: str) -> None:
        """Delete an artifact, finished or not; the caller holds its lock. Raises InUse where it is read."""
        folder, aside = self.path(stage, key), self.path(stage, key).with_suffix(_GONE)
        with readers.alone(self.readers_file(stage, key), f"{stage}/{key}", None):
            remove(aside)
            with suppress(FileNotFoundError):
                folder.rename(aside)
        for path in (aside, self.new_path(stage, key)):
            remove(path)

    def has_leftovers(self, stage: str, key: str) -> bool:
        """Whether a run that was killed while it replaced an artifact has left something."""
        return any(self.path(stage, key).with_suffix(suffix).exists() for suffix in (_NEW, _OLD, _GONE))

    def sweep(self, stage: str, key: str) -> None:
        """Remove what such a run has left, and put back what it took away; the caller holds the lock."""
        folder = self.path(stage, key)
        for left in (folder.with_suffix(_NEW), folder.with_suffix(_OLD)):
            if (left / MANIFEST).exists() and not (folder / MANIFEST).exists():
                remove(folder)
                left.rename(folder)
            remove(left)
        remove(folder.with_suffix(_GONE))

    def evaluation_path(self, stage: str, key: str, labels: str) -> Path:
        """The file of an artifact's scores against the ground truth with the fingerprint `labels`."""
        return self.root / "evaluate" / stage / f"{key}-{labels}.json"

    def evaluations(self, stage: str, key: str) -> list[Path]:
        """The files of all scores of an artifact."""
        return list((self.root / "evaluate" / stage).glob(f"{key}-*.json"))

    def gallery_path(self, key: str) -> Path:
        """The picture of a whole run, by the key of its last stage."""
        return self.root / "galleries" / f"{key}.png"

    def _finished(self, stage: str) -> list[Path]:
        """The folders of finished artifacts of a stage, or with "*" of all."""
        folders = (path.parent for path in self.root.glob(f"{stage}/*/{MANIFEST}"))
        return [folder for folder in folders if folder.suffix not in (_NEW, _OLD, _GONE)]

    def _lock_path(self, stage: str, key: str) -> Path:
        return self.root / stage / f"{key}.lock"
