"""The folder of an artifact while it is made: what a killed run left in it, and how it becomes a finished one."""

import shutil
from pathlib import Path

from maskdistill.data import seals
from maskdistill.data.atomic import remove, write_through
from maskdistill.data.catalog import TRAINING_LOG
from maskdistill.data.errors import CorruptArtifact
from maskdistill.pipeline.manifest import Manifest, write_manifest


def sweep_unfinished(folder: Path) -> list[str]:
    """Remove what a killed run left half written, or what was damaged since; the caller holds the lock.

    Returns:
        A line for each thing that was damaged, and is made anew.
    """
    seals.begin(folder)
    for path in list(folder.rglob(".*.tmp")):
        remove(path)
    # What a stage removes by itself may be missing; the log of a training never is.
    gone = [path for path in seals.missing(folder) if path.name == TRAINING_LOG]
    damaged = [*gone, *seals.damaged(folder)]
    for path in damaged:
        if path.name == TRAINING_LOG:  # what the training wrote beside it cannot be told without it
            for other in path.parent.iterdir():
                if other.name != seals.SEALS:
                    remove(other)
        remove(path)
    return [f"{path} was damaged since it was written; it is made anew" for path in damaged]


def finish_unfinished(folder: Path, manifest: Manifest) -> None:
    """Publish a folder: all of it is on the disk before the manifest is.

    Raises:
        CorruptArtifact: A file has changed since the stage wrote it. It is removed.
    """
    altered = seals.altered(folder, {name: record.sha256 for name, record in manifest.files.items()})
    if altered:
        for name in altered:
            remove(folder / name)
        names = ", ".join(str(folder / name) for name in altered)
        raise CorruptArtifact(f"{names}: changed on the disk since written; removed, run again to make it anew")
    write_through(folder)
    write_manifest(folder, manifest)
    shutil.rmtree(folder / seals.SEALS, ignore_errors=True)
