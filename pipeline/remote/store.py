"""Finished artifacts in a store beyond this machine: copied there whole, and fetched from there.

URL/<stage>/<key>/manifest.json         written last: without it nothing is there
URL/<stage>/<key>/<version>/            its files under their names; the version is the hash of them all
URL/<stage>/<key>.lease                 there while a machine makes the artifact

Two machines that copy different results of one key do not meet: each has a version of its own, and the manifest, which
is replaced in one step, says which one counts.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from maskdistill.data.atomic import remove, write_through
from maskdistill.data.errors import CorruptArtifact, InputError
from maskdistill.data.hashes import join_hashes
from maskdistill.data.paths import check_relative
from maskdistill.pipeline.integrity import damaged_files
from maskdistill.pipeline.manifest import (
    MANIFEST,
    FileRecord,
    Manifest,
    hash_key,
    is_extra,
    parse_manifest,
    write_manifest,
)
from maskdistill.pipeline.remote.bucket import Bucket
from maskdistill.pipeline.remote.lease import LEASE_SECONDS, Lease

_AT_ONCE, _LARGE = 16, 16 << 20
Moved = Callable[[str, int], None]
"""Told of a file by name how many bytes of it have been moved so far."""


@dataclass(frozen=True)
class RemoteStore:
    """The artifacts below a URL.

    Attributes:
        bucket: The objects there.
        lease_seconds: After which a lease that is not renewed has expired.
    """

    bucket: Bucket
    lease_seconds: float = LEASE_SECONDS

    def manifest(self, stage: str, key: str) -> Manifest | None:
        """The manifest of an artifact that is there; None without one.

        Raises:
            CorruptArtifact: It is unreadable, altered, or that of another artifact.
        """
        name = f"{stage}/{key}/{MANIFEST}"
        text = self.bucket.read(name)
        if text is None:
            return None
        manifest = parse_manifest(text, self.bucket.at(name), self._remedy(stage, key))
        if (manifest.stage, manifest.key, hash_key(manifest.ingredients)) != (stage, key, key):
            raise CorruptArtifact(f"{self.bucket.at(name)}: is that of another artifact; {self._remedy(stage, key)}")
        return manifest

    def lease(self, stage: str, key: str) -> Lease:
        """The right to make an artifact."""
        return Lease(self.bucket, f"{stage}/{key}.lease", self.lease_seconds)

    def fetch(self, manifest: Manifest, folder: Path, moved: Moved) -> Manifest:
        """Copy an artifact into a folder, which then is a finished artifact.

        Returns:
            Its manifest: another one, where another machine has put a new artifact in its place meanwhile.

        Raises:
            CorruptArtifact: A file is missing there or is not what was written, or its name leads out of the folder.
        """
        while faults := self._fetch_files(manifest, folder, moved):
            now = self.manifest(manifest.stage, manifest.key)
            if now is None or now == manifest:
                lines = (f"{self.bucket.at(_home(manifest))}/{name}: {fault}" for name, fault in faults.items())
                raise CorruptArtifact("\n".join([*lines, self._remedy(manifest.stage, manifest.key)]))
            manifest = now
        write_through(folder)
        write_manifest(folder, manifest)
        return manifest

    def publish(self, folder: Path, manifest: Manifest, moved: Moved, *, anew: bool) -> None:
        """Copy a finished artifact there; files that a killed run has copied are not copied again.

        Args:
            folder: Of the artifact.
            manifest: Its manifest.
            moved: Told of the progress.
            anew: Whether to copy each file, whatever is there, and to take the place of what is.
        """
        stage, key = manifest.stage, manifest.key
        before = None
        with suppress(CorruptArtifact):
            before = self.manifest(stage, key)
        there = {} if anew else self.bucket.sizes(_home(manifest))

        def put(name: str) -> None:
            if there.get(name) == manifest.files[name].size:
                moved(name, manifest.files[name].size)
            else:
                self.bucket.put(folder / name, f"{_home(manifest)}/{name}", lambda size: moved(name, size))

        _for_all(manifest.files, put)
        self.bucket.write(f"{stage}/{key}/{MANIFEST}", (folder / MANIFEST).read_bytes())
        if before is not None and _home(before) != _home(manifest):
            self.bucket.delete(_home(before))

    def _fetch_files(self, manifest: Manifest, folder: Path, moved: Moved) -> dict[str, str]:
        """Copy the files into a folder, which is emptied first; gives what is wrong with each that is not right."""
        if faults := {name: fault for name in manifest.files if (fault := _bad_name(name))}:
            return faults
        sizes = self.bucket.sizes(_home(manifest))
        for name, record in manifest.files.items():
            if name not in sizes:
                faults[name] = "missing, or a link"
            elif sizes[name] != record.size:
                faults[name] = f"{sizes[name]} bytes, the manifest says {record.size}"
        if faults:
            return faults
        remove(folder)
        folder.mkdir(parents=True)

        def get(name: str) -> None:
            self.bucket.get(f"{_home(manifest)}/{name}", folder / name, lambda size: moved(name, size))

        _for_all(manifest.files, get)
        return damaged_files(folder, manifest)

    def _remedy(self, stage: str, key: str) -> str:
        copies = self.bucket.at(f"{stage}/{key}")
        return (
            f"make it anew with `maskdistill stage {stage} --force`, there too; or delete {copies}, so that it is "
            "copied from a machine that has it, or made again"
        )


def _home(manifest: Manifest) -> str:
    """The folder of its files."""
    version = join_hashes((name, record.sha256) for name, record in manifest.files.items())[:16]
    return f"{manifest.stage}/{manifest.key}/{version}"


def _bad_name(name: str) -> str | None:
    try:
        path = check_relative(name, "")
    except InputError:
        return "a name that leads out of the folder"
    return "not a name that an artifact has" if path.as_posix() != name or is_extra(Path(name)) else None


def _for_all(files: Mapping[str, FileRecord], work: Callable[[str], None]) -> None:
    """Do something for each name, several at a time; after the first that fails, none is begun.

    Large files come one after the other, as libraries hold several parts of one in memory.
    """
    large = {name for name, record in files.items() if record.size > _LARGE}
    for name in large:
        work(name)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            for done in as_completed([pool.submit(work, name) for name in files if name not in large]):
                done.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
