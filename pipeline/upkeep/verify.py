"""Checks finished artifacts: every file against its manifest, every store against itself."""

from pathlib import Path

from maskdistill.data.catalog import OPENERS
from maskdistill.data.errors import CorruptArtifact, MaskDistillError
from maskdistill.pipeline.integrity import damaged_files, describe_faults
from maskdistill.pipeline.manifest import MANIFEST, Manifest, hash_key, unrecorded_files
from maskdistill.pipeline.plan import Plan


def verify_stage(plan: Plan, stage: str) -> list[str] | None:
    """What is wrong with the artifact of a stage, one line per fault; None where it is not made."""
    try:
        manifest = plan.manifest(stage)
    except CorruptArtifact as error:
        return [str(error)]
    return None if manifest is None else verify_artifact(plan.path(stage), manifest)


def verify_artifact(folder: Path, manifest: Manifest) -> list[str]:
    """What is wrong with an artifact, one line per fault; an empty list for a sound one."""
    faults = describe_faults(folder, damaged_files(folder, manifest))
    faults += [f"{folder / name}: not in the manifest" for name in unrecorded_files(folder, manifest)]
    if hash_key(manifest.ingredients) != manifest.key:
        faults.append(f"{folder / MANIFEST}: what it says it was made from is not what its key stands for")
    return faults or _check_stores(folder)


def _check_stores(folder: Path) -> list[str]:
    faults = []
    for path in sorted(path for path in folder.glob("*.zarr") if path.name in OPENERS):
        try:
            OPENERS[path.name](path)
        except MaskDistillError as error:
            faults.append(str(error))
    return faults
