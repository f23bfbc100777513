"""The report of a run: collects its sections, and writes it as a page and as Markdown."""

from pathlib import Path

from rich.console import Console

from maskdistill.data.atomic import atomic_path
from maskdistill.pipeline.apps.report.blocks import EMPTY, Report, Section, Tile
from maskdistill.pipeline.apps.report.classes import classes_section
from maskdistill.pipeline.apps.report.comparison import comparison_section
from maskdistill.pipeline.apps.report.confidence import confidence_section
from maskdistill.pipeline.apps.report.contact_sheet import clusters_section
from maskdistill.pipeline.apps.report.curves import curves_section
from maskdistill.pipeline.apps.report.examples import examples_section
from maskdistill.pipeline.apps.report.funnel import funnel_section
from maskdistill.pipeline.apps.report.markdown import render_markdown
from maskdistill.pipeline.apps.report.numbers import count, share
from maskdistill.pipeline.apps.report.page import render_page
from maskdistill.pipeline.apps.report.provenance import provenance_section
from maskdistill.pipeline.apps.report.record import FINAL, RunRecord
from maskdistill.pipeline.apps.report.settings import settings_section
from maskdistill.pipeline.formatting import format_seconds
from maskdistill.pipeline.plan import Plan

_MOST_CHANGES = 4
"""Changed settings that are named below the title; all of them stand among the settings."""


def build_report(plan: Plan, console: Console) -> Report:
    """The report of a run, finished or not; what is missing is named with the command that makes it.

    Args:
        plan: The run.
        console: Where progress of the evaluation is shown.

    Raises:
        CorruptArtifact: A finished artifact is damaged.
    """
    record = RunRecord(plan, console)
    sections = [
        comparison_section(record),
        funnel_section(record),
        classes_section(record),
        confidence_section(record),
        curves_section(record),
        examples_section(record),
        clusters_section(record),
        settings_section(plan.config),
        provenance_section(record),
    ]
    return Report("MaskDistill report", _subtitle(record), _tiles(record), sections)


def overview_sections(plan: Plan, console: Console) -> list[Section]:
    """The sections of the report that are tables of results."""
    record = RunRecord(plan, console)
    return [comparison_section(record), funnel_section(record), classes_section(record)]


def write_report(report: Report, page: Path, markdown: Path | None = None) -> list[Path]:
    """Write the page, and the Markdown where it is wanted; each appears whole or not at all. Gives their paths."""
    texts = {page: render_page(report), **({markdown: render_markdown(report)} if markdown else {})}
    for path, text in texts.items():
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return list(texts)


def _subtitle(record: RunRecord) -> str:
    """The configuration, less what says where and how rather than what."""
    source = record.plan.config_source
    changes = [one for one in source.overrides if not one.strip().startswith(("artifacts", "execution"))]
    shown = changes[:_MOST_CHANGES]
    if len(changes) > len(shown):
        shown.append(f"{len(changes) - len(shown)} more settings changed")
    names = " + ".join(path.name for path in source.paths)
    return f"{names} with {', '.join(shown)}" if shown else names


def _tiles(record: RunRecord) -> list[Tile]:
    source, config, made = record.source, record.plan.config, record.manifests
    miou = record.figures(FINAL).get("miou")
    n_classes = len(config.evaluate.classes or record.class_names[1:])
    commits = sorted({(one.environment.get("commit") or "unknown")[:10] for one in made.values()})
    return [
        Tile("mIoU of the final model", share(miou), record.split_name if miou is not None else "not measured"),
        Tile(
            f"images, {config.data.kind}",
            count(len(source)),
            f"{count(source.n_train)} training, {count(len(source) - source.n_train)} validation",
        ),
        Tile("clusters", str(config.cluster.k), f"for {n_classes} classes" if n_classes > 0 else "no ground truth"),
        Tile(
            "time of all stages",
            format_seconds(sum(one.seconds for one in made.values())),
            f"{len(made)} of {len(record.planned)} stages finished",
        ),
        Tile("seed", str(config.seed), f"commit {', '.join(commits) or EMPTY}"),
    ]
