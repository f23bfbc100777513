"""Whether the files of a finished artifact are still what was written: looked at before they are used."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from maskdistill.data.errors import CorruptArtifact
from maskdistill.data.hashes import hash_file
from maskdistill.pipeline.manifest import FileRecord, Manifest, read_manifest

_THREADS = 4
State = Mapping[str, tuple[int, int, int] | None]
"""Size, time of change and inode of each file; None for one that is missing."""

_sound: dict[tuple[Path, str], State] = {}
"""What this process has checked: folder and time of an artifact, and how its files looked."""
_guard = threading.Lock()


def check_sound(folder: Path, manifest: Manifest, remedy: str) -> None:
    """Compare every file with the manifest: its content once in a process, later its size and time.

    Args:
        folder: Of the artifact.
        manifest: Its manifest.
        remedy: What the text ends with.

    Raises:
        CorruptArtifact: A file is missing, or its content is another.
    """
    name, state = (folder, manifest.started), _state(folder, manifest)
    with _guard:
        if _sound.get(name) == state:
            return
    if faults := damaged_files(folder, manifest):
        raise CorruptArtifact("\n".join([*describe_faults(folder, faults), remedy]))
    with _guard:
        _sound[name] = state


def check_file(path: Path) -> None:
    """The same for one file that is read by itself; nothing where it lies in no artifact."""
    manifest = read_manifest(path.parent)
    record = manifest.files.get(path.name) if manifest else None
    if record is not None and (fault := _fault(path, record)):
        raise CorruptArtifact(f"{path}: {fault}; give an undamaged copy, or train it anew")


def damaged_files(folder: Path, manifest: Manifest) -> dict[str, str]:
    """What is wrong with each file of an artifact that is not as its manifest says, by name."""
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda item: _fault(folder / item[0], item[1]), manifest.files.items())
        return {name: fault for name, fault in zip(manifest.files, found, strict=True) if fault}


def describe_faults(folder: Path, faults: Mapping[str, str]) -> list[str]:
    """A line for each of them."""
    return [f"{folder / name}: {fault}" for name, fault in faults.items()]


def _fault(path: Path, record: FileRecord) -> str | None:
    try:
        if not path.is_file():
            return "missing"
        if path.stat().st_size != record.size:
            return f"{path.stat().st_size} bytes, the manifest says {record.size}"
        if hash_file(path) != record.sha256:
            return "its content is not what the manifest says"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None


def _state(folder: Path, manifest: Manifest) -> State:
    return {name: _look(folder / name) for name in manifest.files}


def _look(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino
