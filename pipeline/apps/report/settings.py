"""The settings of a run, every default filled in, and which of them differ from it."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from maskdistill.pipeline.apps.report.blocks import Block, Note, Section
from maskdistill.pipeline.apps.tables.table import EMPTY, Cell, Table
from maskdistill.pipeline.config import Config

_COLUMNS = ("setting", "value", "default")


def settings_section(config: Config) -> Section:
    """The changed settings, and all of them."""
    rows = list(setting_rows(config))
    changed = [(name, Cell(value, strong=True), default) for name, value, default in rows if value != default]
    everything = [(name, Cell(value, strong=value != default), default) for name, value, default in rows]
    blocks: list[Block] = [Table("Settings that differ from their default", _COLUMNS, changed)] if changed else []
    blocks += [] if changed else [Note("Every setting has its default.")]
    blocks.append(Table(f"All {len(rows)} settings", _COLUMNS, everything, folded=True))
    lead = "As this run resolves them. Those under execution say how the work is done and change no result."
    return Section("settings", "Settings", lead, blocks)


def setting_rows(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Name, value and default of every field, sections within sections included."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from setting_rows(value, f"{prefix}{name}.")
            continue
        default = field.get_default(call_default_factory=True)
        written = EMPTY if default is PydanticUndefined else _write(default)
        yield f"{prefix}{name}", _write(value), written


def _write(value: Any) -> str:
    plain = value is None or isinstance(value, bool | int | float | list | tuple | dict)
    return json.dumps(value, default=str) if plain else str(value)
