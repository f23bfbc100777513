"""Garbage collection: what the artifact folder holds beyond what a configuration uses."""

import shutil
from pathlib import Path

from maskdistill.pipeline.baselines import baselines_of
from maskdistill.pipeline.evaluation import LINEAR_PROBE
from maskdistill.pipeline.image_records import remove_unused_records
from maskdistill.pipeline.plan import Plan
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


def remove_garbage(plan: Plan, folders: list[Path]) -> None:
    """Delete artifact folders, each under its lock, and the scores, pictures and lists of images of theirs."""
    for folder in folders:
        stage, key = folder.parent.name, folder.stem
        with plan.store.lock(stage, key):
            shutil.rmtree(folder)
            scores = [path for name in (stage, LINEAR_PROBE) for path in plan.store.evaluations(name, key)]
            for path in (*scores, plan.store.gallery_path(key)):
                path.unlink(missing_ok=True)
    remove_unused_records(plan.store, plan.stages)
