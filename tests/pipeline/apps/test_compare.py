"""Comparing methods over seeds: which runs there are, what they share, and the table of them."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from helpers.recorded_stages import RecordedStages
from maskdistill.data.catalog import LABELS, MASKS
from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.pipeline.apps.compare.methods import AS_CONFIGURED, Compared, Variant, compare_variants, read_variants
from maskdistill.pipeline.apps.compare.sweep import Outcome
from maskdistill.pipeline.apps.report.methods import finished_seeds, methods_tables
from maskdistill.pipeline.apps.report.reported_run import ReportedRun
from maskdistill.pipeline.apps.tables.comparison import COLUMNS
from maskdistill.pipeline.apps.tables.methods import methods_table, write_methods
from maskdistill.pipeline.dag import STAGE_NAMES, StageSpec
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.results import StageResult

Invoke = Callable[..., int]
TOKENCUT = "mine.method=tokencut mine.tokencut.opening=1"


def test_settings_of_one_text_go_together_and_their_values_are_combined() -> None:
    found = read_variants([TOKENCUT, "segment.head=linear,mcibi cluster.k=2,3", "segment.head=linear cluster.k=2"])
    assert [variant.name for variant in found] == [
        AS_CONFIGURED,
        "mine.method=tokencut, mine.tokencut.opening=1",
        "segment.head=linear, cluster.k=2",
        "segment.head=linear, cluster.k=3",
        "segment.head=mcibi, cluster.k=2",
        "segment.head=mcibi, cluster.k=3",
    ]
    assert found[1].overrides == ('mine.method="tokencut"', "mine.tokencut.opening=1")


@pytest.mark.parametrize("text", ["segment.head", "segment.head='linear", "cluster.k="])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--with"):
        read_variants([text])


def test_runs_share_what_does_not_differ_and_are_cached(plan: Plan, drawn: RecordedStages, quiet: Console) -> None:
    variants = read_variants(["segment.head=linear", TOKENCUT])
    compared = compare_variants(plan, variants, 2, quiet)
    # Mining with random weights depends on the seed; another head leaves all but the final model as it is.
    assert drawn.calls == [*STAGE_NAMES * 2, "segment", "segment", *STAGE_NAMES * 2]
    assert [[outcome.value for outcome in one.outcomes] for one in compared] == [[0, 1]] * 3
    assert compared[0].scores["segment"]["val"]["miou"]["mean"] > 0.9
    drawn.calls.clear()
    again = compare_variants(plan, variants, 2, quiet)
    assert drawn.calls == [] and [one.scores for one in again] == [one.scores for one in compared]


def test_a_comparison_can_end_before_the_final_model(plan: Plan, drawn: RecordedStages, quiet: Console) -> None:
    compared = compare_variants(plan, read_variants([TOKENCUT]), 1, quiet, "cluster")
    assert drawn.calls == ["mine", "cluster"] * 2
    assert list(compared[0].scores) == ["mine", "cluster"]


def test_nothing_runs_where_a_setting_is_wrong(plan: Plan, drawn: RecordedStages, quiet: Console) -> None:
    with pytest.raises(InputError, match=r"segment\.head: must be one of"):
        compare_variants(plan, read_variants([TOKENCUT, "segment.head=nothing"]), 1, quiet)
    assert drawn.calls == []


def test_a_seed_that_fails_leaves_the_others(plan: Plan, quiet: Console) -> None:
    def sometimes(plan: Plan, stages: Sequence[StageSpec], console: Console) -> Sequence[StageResult]:
        if plan.config.seed == 1:
            raise MaskDistillError("no luck with one")
        return run_stages(plan, stages, console)

    (one,) = compare_variants(plan, [Variant()], 3, quiet, run=sometimes)
    assert [outcome.value for outcome in one.finished] == [0, 2]
    assert methods_table([one]).rows[0][1] == "2, 1 failed"


def test_the_report_shows_the_methods_that_have_run_with_several_seeds(plan: Plan, quiet: Console) -> None:
    assert methods_tables(ReportedRun(plan, console=quiet)) == []
    compare_variants(plan, read_variants(["segment.head=linear"]), 2, quiet)
    compare_variants(plan, [Variant((("segment.scale", [1.0, 1.0]),))], 1, quiet)
    run = ReportedRun(plan, console=quiet)
    assert finished_seeds(run) == [(Variant(), [0, 1]), (Variant((("segment.head", "linear"),)), [0, 1])]
    (table,) = methods_tables(run)
    assert [row[0] for row in table.rows] == [AS_CONFIGURED, "segment.head=linear"]
    assert "time" not in table.columns


def result(stage: str, miou: float) -> StageResult:
    return StageResult(stage, "key", 12, "masks", 60.0, cached=True, scores={"val": {"miou": miou}})


COMPARED = (
    Compared(AS_CONFIGURED, [Outcome(seed, (result("cluster", 0.5), result("segment", 0.6))) for seed in (0, 1)]),
    Compared(
        "segment.head=mcibi",
        [Outcome(seed, (result("cluster", 0.5), result("segment", miou))) for seed, miou in ((0, 0.6), (1, 0.8))],
    ),
    Compared("segment.head=linear", [Outcome(0, error="no luck"), Outcome(1, error="no luck")]),
)


def test_the_table_has_mean_and_deviation_of_what_differs() -> None:
    table = methods_table(COMPARED[:2])
    # The clusters are the same in both.
    assert list(table.columns) == ["variant", "seeds", "final model, mIoU", "time"]
    # Of 0.6 and 0.8: variance 2 x 0.01.
    assert [str(cell) for cell in table.rows[1]] == ["segment.head=mcibi", "2", "0.700 ± 0.141", "2 min 00 s"]
    assert table.note.endswith("on validation images.")
    assert list(methods_table(COMPARED[:1]).columns) == ["variant", "seeds", "final model, mIoU", "time"]
    assert [str(cell) for cell in methods_table(COMPARED).rows[2]][1:3] == ["0, 2 failed", "–"]


def test_every_stage_that_leaves_masks_or_label_maps_has_scores_in_the_tables() -> None:
    assert {*LABELS, *MASKS} - {"curate"} <= {stage for stage, _ in COLUMNS.values()}
    shown = methods_table([Compared(AS_CONFIGURED, [Outcome(0, (result("correspond", 0.2),))])])
    assert list(shown.columns) == ["variant", "seeds", "patches, mIoU", "time"]


def test_results_are_written_as_markdown_json_and_csv(tmp_path: Path) -> None:
    for ending in ("md", "json", "csv"):
        write_methods(tmp_path / f"out.{ending}", COMPARED)
    assert "| 0.700 ± 0.141 |" in (tmp_path / "out.md").read_text()
    written = json.loads((tmp_path / "out.json").read_text())
    assert written[1]["scores"]["segment"]["val"]["miou"]["values"] == [0.6, 0.8]
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[-1] == {
        "variant": "segment.head=mcibi", "stage": "segment", "split": "val", "metric": "miou", "seed": "1",
        "score": "0.8"}  # fmt: skip


def test_the_command_prints_the_table(invoke: Invoke, calls: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke("compare", "--with", "segment.head=linear", "--seeds", "1", "--to", "cluster") == 0
    assert calls == ["mine", "cluster"]
    assert "segment.head=linear" in capsys.readouterr().out
    assert invoke("compare", "--with", "segment.head=nothing") == 2
