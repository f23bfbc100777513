"""Garbage collection: what the artifact folder holds beyond what a configuration uses."""

from pathlib import Path

from maskdistill.pipeline.baselines import baselines_of
from maskdistill.pipeline.evaluation import LINEAR_PROBE
from maskdistill.pipeline.image_records import remove_unused_records
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.readers import InUse
from maskdistill.stages.old_names import FORMER_STAGES


def find_garbage(plan: Plan) -> list[Path]:
    """Artifact folders, finished or not, that this configuration does not use and that no run is working on."""
    plans = [plan, *(baseline.plan for baseline in baselines_of(plan))]
    used = {one.path(stage) for one in plans for stage in one.stages}
    folders = [
        folder
        for stage in (*plan.stages, *FORMER_STAGES)
        for folder in sorted((plan.store.root / stage).glob("*"))
        if folder.is_dir() and folder not in used
    ]
    return [folder for folder in folders if not plan.store.is_locked(folder.parent.name, folder.stem)]


def remove_garbage(plan: Plan, folders: list[Path]) -> list[str]:
    """Delete artifact folders, each under its lock, and the scores, pictures and lists of images of theirs.

    Returns:
        A line for each that is left because another process reads it.
    """
    left = []
    for folder in folders:
        stage, key = folder.parent.name, folder.stem
        with plan.store.lock(stage, key):
            if folder != plan.store.path(stage, key):  # left by a run that was killed while it replaced an artifact
                plan.store.sweep(stage, key)
                continue
            try:
                plan.store.delete(stage, key)
            except InUse as error:
                left.append(f"left: {error}")
                continue
            scores = [path for name in (stage, LINEAR_PROBE) for path in plan.store.evaluations(name, key)]
            for path in (*scores, plan.store.gallery_path(key)):
                path.unlink(missing_ok=True)
    remove_unused_records(plan.store, plan.stages)
    return left
