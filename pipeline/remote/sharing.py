"""What a run does with the store of `execution.store`: fetches what is there, copies there what is not, and waits."""

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager

from rich.console import Console

from maskdistill.data.errors import CorruptArtifact
from maskdistill.pipeline.formatting import format_bytes
from maskdistill.pipeline.image_records import keep_record
from maskdistill.pipeline.manifest import Manifest
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.progress import print_note
from maskdistill.pipeline.remote.copying import show_copying
from maskdistill.pipeline.remote.store import RemoteStore
from maskdistill.pipeline.room import free_bytes, require_room

_POLL_SECONDS = 2.0


def is_in_store(plan: Plan, stage: str) -> bool:
    """Whether the artifact of a stage can be fetched."""
    return plan.remote is not None and plan.remote.manifest(stage, plan.stages[stage].key) is not None


def require_somewhere(plan: Plan, stage: str, needed_by: str) -> None:
    """Raise MissingArtifact where the artifact of a stage is neither here nor in the store; the text names who asks."""
    if plan.manifest(stage) is not None or not is_in_store(plan, stage):
        plan.require(stage, needed_by)


def fetch_missing(plan: Plan, stages: Iterable[str], console: Console) -> None:
    """Fetch the artifacts of some stages that are in the store and not here."""
    if plan.remote is None:
        return
    for stage in stages:
        key = plan.stages[stage].key
        if plan.manifest(stage) is None:
            with plan.store.lock(stage, key):
                plan.store.sweep(stage, key)
                if plan.manifest(stage) is None:
                    _fetch(plan, plan.remote, stage, console)


@contextmanager
def turn(plan: Plan, stage: str, console: Console, *, anew: bool) -> Iterator[bool]:
    """Be the only machine that makes an artifact; waits while another one does. The caller holds the folder's lock.

    Args:
        plan: The configuration and its artifacts.
        stage: Name of the stage.
        console: Where progress is shown.
        anew: Whether it is to be made although it is in the store.

    Returns:
        Whether it is to be made; else it has been fetched.
    """
    remote = plan.remote
    if remote is None:
        yield True
        return
    if not anew and _fetch(plan, remote, stage, console):
        yield False
        return
    key, told = plan.stages[stage].key, False
    with closing(remote.lease(stage, key)) as lease:
        while not lease.take():
            if not told:
                print_note(console, f"{stage}: {lease.holder} is making {stage}/{key}; waiting for it")
                told = True
            time.sleep(min(_POLL_SECONDS, remote.lease_seconds / 4))
            if not anew and _fetch(plan, remote, stage, console):
                yield False
                return
        # Another may have finished it after this one looked, and before it had the lease.
        yield anew or not _fetch(plan, remote, stage, console)


def publish(plan: Plan, manifest: Manifest, console: Console, *, anew: bool = False) -> None:
    """Copy an artifact to the store; the caller has the `turn`. `anew`: take the place of what is there."""
    if plan.remote is not None:
        with (
            plan.reading([manifest.stage]),
            show_copying(manifest, f"copied to {plan.remote.bucket.url}", console) as on,
        ):
            plan.remote.publish(plan.require(manifest.stage, "the store"), manifest, on, anew=anew)


def share(plan: Plan, manifest: Manifest, console: Console) -> Manifest:
    """Copy an artifact that was found made to the store, unless it is there, or another machine is at it; gives it."""
    remote = plan.remote
    if remote is not None and not _is_whole(remote, manifest):
        with closing(remote.lease(manifest.stage, manifest.key)) as lease:
            if lease.take():
                publish(plan, manifest, console)
    return manifest


def _is_whole(remote: RemoteStore, manifest: Manifest) -> bool:
    try:
        return remote.manifest(manifest.stage, manifest.key) is not None
    except CorruptArtifact:  # here is a sound one to take its place
        return False


def _fetch(plan: Plan, remote: RemoteStore, stage: str, console: Console) -> bool:
    """Fetch an artifact where it is there; gives whether it was. The caller holds the lock of its folder."""
    key = plan.stages[stage].key
    manifest = remote.manifest(stage, key)
    if manifest is None:
        return False
    folder = plan.store.new_path(stage, key)
    size = manifest.size()
    require_room(folder.parent, free_bytes(folder.parent), size, f"{stage} needs {format_bytes(size)}")
    keep_record(plan.store, plan.source, plan.data_fingerprint)
    try:
        with show_copying(manifest, f"fetched from {remote.bucket.url}", console) as on:
            remote.fetch(manifest, folder, on)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    plan.store.settle(stage, key)
    return True
