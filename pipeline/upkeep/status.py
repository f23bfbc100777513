"""What is there and what is not: per stage its key, whether it is cached, and if not, why."""

from typing import Any

from maskdistill.pipeline.plan import Plan

_MADE = ("items", "unit", "bytes", "made", "precision", "device")


def collect_status(plan: Plan) -> list[dict[str, Any]]:
    """One dict per stage: stage, key, state (cached, running or missing), why, path, and what `_MADE` names."""
    return [_stage_status(plan, spec.name) for spec in plan.specs]


def _stage_status(plan: Plan, stage: str) -> dict[str, Any]:
    manifest = plan.manifest(stage)
    key = plan.stages[stage].key
    row: dict[str, Any] = {"stage": stage, "key": key, "path": str(plan.path(stage))}
    if manifest is not None:
        made = {"items": manifest.items, "unit": manifest.unit, "bytes": manifest.size(), "made": manifest.started}
        made |= {name: manifest.environment.get(name) for name in ("precision", "device")}
        return {**row, "state": "cached", "why": None, **made}
    running = plan.store.is_locked(stage, key)
    state, why = ("running", "another run is making it") if running else ("missing", plan.why_missing(stage))
    return {**row, "state": state, "why": why, **dict.fromkeys(_MADE)}
