"""The report of a run: collects its sections, and writes it as a page and as Markdown."""

from pathlib import Path

from rich.console import Console

from maskdistill.data.atomic import atomic_path
from maskdistill.pipeline.apps.report.blocks import Report, Tile
from maskdistill.pipeline.apps.report.classes import classes_section
from maskdistill.pipeline.apps.report.comparison import comparison_section
from maskdistill.pipeline.apps.report.confidence import confidence_section
from maskdistill.pipeline.apps.report.contact_sheet import clusters_section
from maskdistill.pipeline.apps.report.curves import curves_section
from maskdistill.pipeline.apps.report.examples import examples_section
from maskdistill.pipeline.apps.report.funnel import funnel_section
from maskdistill.pipeline.apps.report.health import health_section
from maskdistill.pipeline.apps.report.markdown import render_markdown, section_to_markdown
from maskdistill.pipeline.apps.report.numbers_of_clusters import numbers_section
from maskdistill.pipeline.apps.report.page import render_page
from maskdistill.pipeline.apps.report.provenance import provenance_section
from maskdistill.pipeline.apps.report.reported_run import FINAL, ReportedRun
from maskdistill.pipeline.apps.report.settings import settings_section
from maskdistill.pipeline.apps.tables.numbers import count, share
from maskdistill.pipeline.apps.tables.table import EMPTY
from maskdistill.pipeline.formatting import format_seconds
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.results import Page, final_miou

_MOST_CHANGES = 4
"""Changed settings that are named below the title; all of them stand among the settings."""


def build_report(plan: Plan, console: Console, k_range: tuple[int, int] | None = None) -> Report:
    """The report of a run, finished or not; what is missing is named with the command that makes it.

    Args:
        plan: The run.
        console: Where progress of the evaluation is shown.
        k_range: Numbers of clusters to judge, first and last; None = those that the cluster stage judged, if any.

    Raises:
        CorruptArtifact: A finished artifact is damaged.
        InputError: There are too few masks for these numbers.
    """
    run = ReportedRun(plan, console=console)
    sections = [
        comparison_section(run),
        health_section(run),
        funnel_section(run),
        classes_section(run),
        confidence_section(run),
        curves_section(run),
        examples_section(run),
        numbers_section(run, k_range),
        clusters_section(run),
        settings_section(plan.config),
        provenance_section(run),
    ]
    return Report("MaskDistill report", _subtitle(run), _tiles(run), sections)


def overview_pages(plan: Plan) -> list[Page]:
    """The sections of the report that are tables of results, as pages for Prefect."""
    run = ReportedRun(plan)
    sections = (comparison_section(run), funnel_section(run), classes_section(run))
    return [Page(section.anchor, section.title, section_to_markdown(section)) for section in sections]


def write_report(report: Report, page: Path, markdown: Path | None = None) -> list[Path]:
    """Write the page, and the Markdown where it is wanted; each appears whole or not at all. Gives their paths."""
    texts = {page: render_page(report), **({markdown: render_markdown(report)} if markdown else {})}
    for path, text in texts.items():
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return list(texts)


def _subtitle(run: ReportedRun) -> str:
    """The configuration, less what says where and how rather than what."""
    source = run.plan.config_source
    changes = [one for one in source.overrides if not one.strip().startswith(("artifacts", "execution"))]
    shown = changes[:_MOST_CHANGES]
    if len(changes) > len(shown):
        shown.append(f"{len(changes) - len(shown)} more settings changed")
    names = " + ".join(path.name for path in source.paths)
    return f"{names} with {', '.join(shown)}" if shown else names


def _tiles(run: ReportedRun) -> list[Tile]:
    source, config, made = run.source, run.plan.config, run.manifests
    miou = final_miou(run.metrics(FINAL))
    n_classes = len(config.evaluate.classes or run.class_names[1:])
    n_clusters = str(run.plan.n_clusters or EMPTY)
    commits = sorted({(one.environment.get("commit") or "unknown")[:10] for one in made.values()})
    return [
        Tile("mIoU of the final predictions", share(miou), run.split_name if miou is not None else "not measured"),
        Tile(
            f"images, {config.data.kind}",
            count(len(source)),
            f"{count(source.n_train)} training, {count(len(source) - source.n_train)} validation",
        ),
        Tile("clusters", n_clusters, f"for {n_classes} classes" if n_classes > 0 else "no ground truth"),
        Tile(
            "time of all stages",
            format_seconds(sum(one.seconds for one in made.values())),
            f"{len(made)} of {len(run.stages)} stages finished",
        ),
        Tile("seed", str(config.seed), f"commit {', '.join(commits) or EMPTY}"),
    ]
