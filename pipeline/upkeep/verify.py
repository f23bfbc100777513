"""Checks finished artifacts: every file against its manifest, every store against itself."""

from pathlib import Path

from maskdistill.data.catalog import OPENERS
from maskdistill.data.errors import MaskDistillError
from maskdistill.pipeline.artifacts import MANIFEST, Manifest, hash_file


def verify_artifact(folder: Path, manifest: Manifest) -> list[str]:
    """What is wrong with an artifact, one line per fault; an empty list for a sound one."""
    faults = _check_files(folder, manifest)
    return faults or _check_stores(folder)


def _check_files(folder: Path, manifest: Manifest) -> list[str]:
    faults = []
    for name, record in manifest.files.items():
        path = folder / name
        if not path.is_file():
            faults.append(f"{path}: missing")
        elif path.stat().st_size != record.size:
            faults.append(f"{path}: {path.stat().st_size} bytes, the manifest says {record.size}")
        elif hash_file(path) != record.sha256:
            faults.append(f"{path}: its content is not what the manifest says")
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    faults += [f"{folder / name}: not in the manifest" for name in sorted(present - {MANIFEST, *manifest.files})]
    return faults


def _check_stores(folder: Path) -> list[str]:
    faults = []
    for path in sorted(path for path in folder.glob("*.zarr") if path.name in OPENERS):
        try:
            OPENERS[path.name](path)
        except MaskDistillError as error:
            faults.append(str(error))
    return faults
