"""Where every artifact comes from: its key and all that the key is the hash of, and the software that made it."""

from datetime import datetime

from maskdistill.pipeline.apps.report.blocks import Block, Section
from maskdistill.pipeline.apps.report.reported_run import ReportedRun
from maskdistill.pipeline.apps.tables.numbers import count
from maskdistill.pipeline.apps.tables.table import EMPTY, Table
from maskdistill.pipeline.formatting import format_bytes, format_seconds
from maskdistill.pipeline.manifest import Manifest

_OF_THE_MACHINE = ("commit", "platform")
_DIGITS = 16


def provenance_section(run: ReportedRun) -> Section:
    """Artifacts, fingerprints and software."""
    made = run.manifests
    lead = (
        "An artifact's key is the hash of the stage and its version, its settings, the keys of its inputs, the seed, "
        "and the fingerprints of images and weights: the same key, the same content."
    )
    blocks: list[Block] = []
    if made:
        blocks = [_artifacts(made), _fingerprints(made), _software(made)]
    return Section("provenance", "Provenance", lead, [*blocks, *run.missing(*run.stages)])


def _artifacts(made: dict[str, Manifest]) -> Table:
    rows = [
        [
            name,
            one.key,
            " ".join(f"{stage} {key[:8]}" for stage, key in one.ingredients.get("inputs", {}).items()) or EMPTY,
            f"{count(one.items)} {one.unit}",
            format_seconds(one.seconds),
            format_bytes(one.size()),
            datetime.fromisoformat(one.started).strftime("%Y-%m-%d %H:%M"),
            (one.environment.get("commit") or EMPTY)[:10],
        ]
        for name, one in made.items()
    ]
    columns = ("stage", "key", "made from", "holds", "time", "size", "started, UTC", "commit")
    return Table("Artifacts", columns, rows)


def _fingerprints(made: dict[str, Manifest]) -> Table:
    names = {"version": "stage version", "seed": "seed", "data": "images", "weights": "weights"}
    rows = [[stage, *(_short(one.ingredients.get(name)) for name in names)] for stage, one in made.items()]
    return Table("What enters the keys, beside the settings", ("stage", *names.values()), rows)


def _short(ingredient: object) -> str:
    """A hash as the first 16 of its digits, as many as a key has; all else as it is."""
    return EMPTY if ingredient is None else str(ingredient).removeprefix("sha256:")[:_DIGITS]


def _software(made: dict[str, Manifest]) -> Table:
    packages = [name for name in next(iter(made.values())).environment if name not in _OF_THE_MACHINE]
    rows = [
        [name, *(one.environment.get(name) or EMPTY for one in made.values())]
        for name in packages
        if any(one.environment.get(name) for one in made.values())
    ]
    return Table("Versions of the software, by stage", ("package", *made), rows, folded=True)
