"""What is there and what is not: per stage its key, whether it is cached, and if not, why."""

from typing import Any

from rich.console import Console
from rich.table import Column, Table

from maskdistill.pipeline.formatting import format_age, format_bytes
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


def print_status(rows: list[dict[str, Any]], console: Console) -> None:
    """Print the status as a table."""
    table = Table("stage", Column("key", no_wrap=True), "state")
    for name in ("items", "size", "age"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("computed in", no_wrap=True)
    for row in rows:
        if row["state"] == "cached":
            computed = f"{row['precision']}, {row['device']}" if row["precision"] else ""
            metrics = (f"{row['items']} {row['unit']}", format_bytes(row["bytes"]), format_age(row["made"]), computed)
        else:
            metrics = ("",) * 4
        state = row["state"] if row["why"] is None else f"{row['state']}: {row['why']}"
        table.add_row(row["stage"], row["key"], state, *metrics)
    console.print(table)
