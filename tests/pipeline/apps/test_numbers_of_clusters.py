"""A number of clusters that the masks choose: what the run, the report and the page make of it."""

import json

import pytest
from rich.console import Console

from helpers.blob_run import blob_config
from helpers.commands import maskdistill
from helpers.html_page import check_page
from helpers.sources import BlobSource
from maskdistill.data.catalog import CLUSTERS
from maskdistill.data.errors import InputError
from maskdistill.data.stores.clusters import read_k
from maskdistill.pipeline.apps.inspect.numbers_of_clusters import choice_made, judge_numbers, read_range
from maskdistill.pipeline.apps.report.blocks import Charts, Note
from maskdistill.pipeline.apps.report.build import build_report
from maskdistill.pipeline.apps.report.numbers_of_clusters import numbers_section
from maskdistill.pipeline.apps.report.page import render_page
from maskdistill.pipeline.apps.report.reported_run import ReportedRun
from maskdistill.pipeline.apps.tables.table import Cell, Table
from maskdistill.pipeline.apps.view.viewed_run import ViewedRun
from maskdistill.pipeline.baselines import baselines_of
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan

AUTO = ("cluster.k=auto", "cluster.k_range=[2,3]", "cluster.max_side=32", "evaluate.baselines=true")


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Fourteen blob images, twelve of them for training, whose masks were clustered with `cluster.k: auto`."""
    blobs = BlobSource(n_images=14, n_train=12)
    config = blob_config(tmp_path_factory.mktemp("chosen"), blobs, class_names=blobs.class_names)
    plan = Plan(ConfigSource((config,), AUTO))
    run_stages(plan, plan.specs[:2], Console(quiet=True))
    return plan


def test_the_number_is_known_once_it_was_found(chosen: Plan) -> None:
    found = read_k(CLUSTERS.path({"cluster": chosen.path("cluster")}))
    assert found in (2, 3)
    assert chosen.n_clusters == ViewedRun(chosen).describe()["clusters"] == found
    unmade = chosen.varied("cluster.n_init=9")
    assert unmade.n_clusters is None
    assert ViewedRun(unmade).describe()["clusters"] == 0
    assert unmade.varied("cluster.k=7").n_clusters == 7


def test_baselines_are_grouped_into_as_many(chosen: Plan) -> None:
    untrained = baselines_of(chosen)[-1]
    assert untrained.stages == ["mine", "cluster"]
    assert untrained.plan.config.cluster.k == chosen.n_clusters
    assert baselines_of(chosen.varied("cluster.n_init=9"))[-1].stages == ["mine"]


def test_the_embeddings_give_the_table_that_the_stage_chose_from(chosen: Plan) -> None:
    run = ReportedRun(chosen, console=Console(quiet=True))
    made = choice_made(run)
    assert made is not None
    assert [one.k for one in made.judgements] == [2, 3]
    assert made.k == chosen.n_clusters
    assert judge_numbers(run, (2, 3)) == made


def test_the_report_shows_the_table_and_marks_the_number(chosen: Plan, quiet: Console) -> None:
    charts, table = numbers_section(ReportedRun(chosen)).blocks
    assert isinstance(charts, Charts)
    assert isinstance(table, Table)
    assert all(f">{chosen.n_clusters}</text>" in chart.svg for chart in charts.charts)
    strong = [str(row[0]) for row in table.rows if isinstance(row[0], Cell) and row[0].strong]
    assert strong == [str(chosen.n_clusters)]
    page = render_page(build_report(chosen, quiet))
    check_page(page)
    assert f"cluster.k: auto takes {chosen.n_clusters}." in page


def test_where_the_number_was_set_the_report_names_the_command(chosen: Plan, quiet: Console) -> None:
    plan = chosen.varied("cluster.k=2")
    run_stages(plan, plan.specs[:2], quiet)
    run = ReportedRun(plan, console=quiet)
    assert choice_made(run) is None
    [note] = numbers_section(run).blocks
    assert isinstance(note, Note)
    assert note.command.startswith("maskdistill report -c ")
    assert note.command.endswith("-s cluster.k=2 --k 2-30")
    assert [block.kind for block in numbers_section(run, (2, 2)).blocks] == ["charts", "table"]


def test_the_command_judges_what_is_there(chosen: Plan) -> None:
    options = [word for one in AUTO for word in ("-s", one)]
    config, artifacts = chosen.config_source.paths[0], chosen.config.artifacts
    as_json = maskdistill(config, artifacts, "inspect", "clusters", "--k", "2-2", "--json", *options)
    found = json.loads(as_json.stdout)
    assert (found["chosen"], [one["k"] for one in found["numbers"]]) == (2, [2])
    table = maskdistill(config, artifacts, "inspect", "clusters", "--k", "2-2", *options)
    assert "cluster.k: auto takes 2." in table.stdout
    page = artifacts / "page.html"
    assert maskdistill(config, artifacts, "report", "--k", "2-2", "--out", str(page), *options).returncode == 0
    assert "cluster.k: auto takes 2." in page.read_text()


@pytest.mark.parametrize("text", ["5", "1-4", "5-3", "two-four", "2-", "2-3-4"])
def test_ranges_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--k .*such as 2-30"):
        read_range(text)


def test_ranges_are_read() -> None:
    assert read_range(" 2-30 ") == (2, 30)
