"""What a stage will take of disk and time, from what it took the last time; refused where the disk cannot hold it."""

import shutil
from collections.abc import Callable
from pathlib import Path

from maskdistill.data.errors import InputError
from maskdistill.pipeline.formatting import format_bytes, format_seconds
from maskdistill.pipeline.image_records import read_record
from maskdistill.pipeline.manifest import Manifest
from maskdistill.pipeline.plan import Plan

_LONG_SECONDS = 60.0
_LEAST_BYTES = 64 << 20
"""A disk with less left is full before anything comes of it."""
FreeBytes = Callable[[Path], int]


def free_bytes(folder: Path) -> int:
    """Bytes that the file system of a folder has left."""
    return shutil.disk_usage(folder).free


def require_room(folder: Path, left: int, needed: int, needs: str) -> None:
    """Raise InputError where a disk has fewer bytes left than are needed; `needs` says what for, and how much."""
    if left < needed:
        raise InputError(
            f"artifacts: {folder}: {needs}, and the disk has only {format_bytes(left)} left; make room, or name "
            "another folder with -s artifacts=DIR"
        )


def estimate_room(plan: Plan, stage: str, folder: Path, free: FreeBytes = free_bytes) -> str | None:
    """A line on what a long stage will take; None where none of its kind was made before, or where that was quick.

    Args:
        plan: The run.
        stage: The stage that is about to begin.
        folder: Of its artifact, which is there.
        free: How much space is left.

    Raises:
        InputError: There is too little space left.
    """
    last, left = next(iter(plan.store.manifests(stage)), None), free(folder)
    share = 1.0 if last is None else _share(plan, last)
    needed = max(_LEAST_BYTES, 0 if last is None else round(share * last.size()))
    require_room(folder, left, needed, f"{stage} needs about {format_bytes(needed)}")
    if last is None or share * last.seconds < _LONG_SECONDS:
        return None
    size, seconds = format_bytes(share * last.size()), format_seconds(share * last.seconds)
    return f"about {size} and {seconds}, if it is as {last.stage}/{last.key} was"


def _share(plan: Plan, last: Manifest) -> float:
    """How many times as many images there are now."""
    record = read_record(plan.store, str(last.ingredients.get("data")))
    return len(plan.source) / max(1, len(record.states)) if record else 1.0
