"""Takes away what is damaged, and only that, so that the next run makes it again."""

from pathlib import Path

from maskdistill.data import seals
from maskdistill.data.atomic import remove
from maskdistill.data.catalog import OPENERS
from maskdistill.data.errors import CorruptArtifact
from maskdistill.pipeline import readers
from maskdistill.pipeline.integrity import damaged_files
from maskdistill.pipeline.manifest import MANIFEST, Manifest, unrecorded_files
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.upkeep.verify import verify_stage


def repair_stage(plan: Plan, stage: str) -> list[Path]:
    """Remove what is damaged of the artifact of a stage.

    Where that is stores alone, those are removed, and what they are made from, such as a trained network, stays; files
    that nobody knows are removed alone; else the whole artifact is.

    Returns:
        What was removed.

    Raises:
        InUse: Another process reads the artifact.
    """
    key, folder = plan.stages[stage].key, plan.path(stage)
    with plan.store.lock(stage, key):
        if not verify_stage(plan, stage):
            return []
        manifest = _manifest(plan, stage)
        stores = None if manifest is None else _damaged_stores(folder, manifest)
        if manifest is None or stores is None:
            plan.store.delete(stage, key)
            return [folder]
        with readers.alone(plan.store.readers_file(stage, key), f"{stage}/{key}", None):
            strange = [folder / name for name in unrecorded_files(folder, manifest)]
            if stores:
                seals.begin(folder)
                remove(folder / MANIFEST)
            for path in (*stores, *strange):
                remove(path)
        return [*stores, *strange]


def _manifest(plan: Plan, stage: str) -> Manifest | None:
    try:
        return plan.manifest(stage)
    except CorruptArtifact:
        return None


def _damaged_stores(folder: Path, manifest: Manifest) -> list[Path] | None:
    """The stores that are damaged, in the folder itself; None where something else is damaged as well."""
    strange = [name for name in unrecorded_files(folder, manifest) if name.split("/")[0] in OPENERS]
    tops = {name.split("/")[0] for name in (*damaged_files(folder, manifest), *strange)}
    return sorted(folder / name for name in tops) if tops <= set(OPENERS) else None
