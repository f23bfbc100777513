"""What is there and what is not: per stage its key, whether it is cached, and if not, why."""

from typing import Any

from maskdistill.data.errors import CorruptArtifact
from maskdistill.pipeline.integrity import damaged_files, describe_faults
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.remote.sharing import is_in_store

_MADE = ("items", "unit", "bytes", "made", "precision", "device")


def collect_status(plan: Plan, *, ask_store: bool = False) -> list[dict[str, Any]]:
    """One dict per stage: stage, key, state (cached, damaged, running or missing), why, path, and what `_MADE` names.

    Every file of what is cached is read. With `ask_store`, what is missing and can be fetched is "in the store".
    """
    rows = [_stage_status(plan, spec.name) for spec in plan.specs]
    for row in rows if ask_store else ():
        if row["state"] == "missing" and is_in_store(plan, row["stage"]):
            row |= {"state": "in the store", "why": "the next run fetches it"}
    return rows


def _stage_status(plan: Plan, stage: str) -> dict[str, Any]:
    key, folder = plan.stages[stage].key, plan.path(stage)
    row: dict[str, Any] = {"stage": stage, "key": key, "path": str(folder)}
    try:
        manifest = plan.manifest(stage)
        faults = describe_faults(folder, damaged_files(folder, manifest)) if manifest else []
    except CorruptArtifact as error:
        faults = [str(error)]
    if faults:
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        return {**row, "state": "damaged", "why": f"{faults[0]}{more}", **dict.fromkeys(_MADE)}
    if manifest is not None:
        made = {"items": manifest.items, "unit": manifest.unit, "bytes": manifest.size(), "made": manifest.started}
        made |= {name: manifest.environment.get(name) for name in ("precision", "device")}
        return {**row, "state": "cached", "why": None, **made}
    running = plan.store.is_locked(stage, key)
    state, why = ("running", "another run is making it") if running else ("missing", plan.why_missing(stage))
    return {**row, "state": state, "why": why, **dict.fromkeys(_MADE)}
