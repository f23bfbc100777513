"""The report of finished runs: its sections, its numbers, and what it is written to."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from helpers.blob_run import blob_config
from helpers.drawn_stages import REASON, K
from helpers.html_page import check_page
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.pipeline.apps.report.build import overview_pages
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.manifest import MANIFEST
from maskdistill.pipeline.plan import Plan

Report = Callable[..., tuple[str, str, Plan]]
MakePlan = Callable[..., Plan]
HEADINGS = (
    "What each stage buys",
    "What looks wrong",
    "The funnel of masks",
    "Classes",
    "Confidence",
    "Training",
    "Clusters",
    "Settings",
    "Provenance",
)


def test_a_finished_run_has_every_section(report_of: Report, labelled: None) -> None:
    page, markdown, plan = report_of()
    parsed = check_page(page)
    for heading in (*HEADINGS, "Best and worst images"):
        assert heading in page
        assert f"## {heading}" in markdown
    # One image is best and one is worst, six pictures each; two clusters of three masks, the third one is empty.
    assert parsed.count("img") == 2 * 1 * 6 + 6
    assert "Not finished" not in page
    assert "cluster: 1 of 3 clusters have no mask." in markdown and "maskdistill inspect cluster -c" in markdown
    for spec in plan.specs:
        assert plan.stages[spec.name].key in page
        assert plan.stages[spec.name].key in markdown


def test_clusters_go_by_the_names_that_people_gave_them(report_of: Report, labelled: None) -> None:
    page, _, _ = report_of(names={0: "blue <cup>", 1: "red cup"})
    assert "blue &lt;cup&gt;" in page
    assert "mask of cluster 0" not in page and "mask of red cup in" in page


def test_steps_funnel_and_settings_hold_the_numbers(report_of: Report, labelled: None) -> None:
    _, markdown, _ = report_of()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines() if "|" in line]
    by_name = {row[0]: row for row in rows}
    # The masks are the objects themselves, so all is right but the rows of pixels that the truth ignores.
    assert by_name["initial masks with their clusters"][1:3] == ["1.000", "–"]
    assert by_name["+ final model"][1:3] == ["1.000", "+0.000"]
    assert by_name["mined masks"][1:4] == ["6", "6", "1.00"]
    assert by_name["candidates of the detector"][1:4] == ["6", "18", "3.00"]
    assert by_name["candidates of the detector"][5] == "0.625"
    assert by_name["filter.threshold"][1:] == ["0.9", "0.9"]
    assert by_name["cluster.k"][1:] == ["3", "20"]


def test_names_are_escaped(
    report_of: Report, config_file: Path, tmp_path: Path, make_source: Callable[..., ImageSource]
) -> None:
    blob_config(tmp_path, make_source(), class_names=("background", REASON, "green"), prefix=REASON)
    page, markdown, _ = report_of()
    check_page(page)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in markdown
    assert "\\| \\`y\\`" in markdown


def test_without_ground_truth_the_report_says_so(report_of: Report) -> None:
    page, _, _ = report_of()
    parsed = check_page(page)
    assert "The data has no ground truth" in page
    assert "none of them is best or worst" in page
    assert parsed.count("img") == 2 * 5 + 6
    assert all(heading in page for heading in HEADINGS)


def test_finished_runs_that_differ_in_one_setting_are_compared(
    report_of: Report, labelled: None, make_plan: MakePlan, quiet: Console
) -> None:
    _, markdown, _ = report_of()
    assert "maskdistill ablate -c" in markdown
    for override in ("filter.masks=initial", "filter.threshold=0.2", "filter.threshold=0.5"):
        plan = make_plan(f"cluster.k={K}", override)
        run_stages(plan, plan.specs, quiet)
    two_changes = make_plan(f"cluster.k={K}", "filter.threshold=0.4", "filter.max_per_image=1")
    run_stages(two_changes, two_changes.specs, quiet)
    _, markdown, _ = report_of()
    assert "maskdistill ablate -c" not in markdown
    first_cells = [line.split("|")[1].strip() for line in markdown.splitlines() if line.startswith("|")]
    start = first_cells.index("filter.masks")
    assert first_cells[start : start + 4] == ["filter.masks", "---", "initial", "confident"]
    start = first_cells.index("filter.threshold")
    assert first_cells[start : start + 5] == ["filter.threshold", "---", "0.2", "0.5", "0.9"]


def test_some_sections_are_pages_for_prefect(report_of: Report, labelled: None) -> None:
    _, _, plan = report_of()
    pages = {page.name: page.markdown for page in overview_pages(plan)}
    assert list(pages) == ["steps", "funnel", "classes"]
    assert "| mined masks |" in pages["funnel"]
    assert "| + final model |" in pages["steps"]


def test_the_command_writes_page_and_markdown(
    invoke: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, markdown = tmp_path / "new" / "page.html", tmp_path / "page.md"
    assert invoke("report", "--out", str(page), "--markdown", str(markdown)) == 0
    assert capsys.readouterr().out.split() == [str(page), str(markdown)]
    check_page(page.read_text(encoding="utf-8"))
    assert not list(tmp_path.rglob(f"*/{MANIFEST}"))
