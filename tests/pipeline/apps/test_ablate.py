"""Sweeps: which values they take, what they reuse, and what becomes of one that fails."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from helpers.drawn_stages import StageFunction
from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.pipeline.apps.compare.sweep import MASK_SETS, Outcome, Sweep, run_sweep
from maskdistill.pipeline.apps.tables.comparison import compare, write_comparison
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.dag import STAGE_NAMES, StageSpec
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.results import StageResult
from maskdistill.stages.contract import StageOutputs

MakePlan = Callable[..., Plan]
Invoke = Callable[..., int]


@pytest.mark.parametrize(
    ("text", "setting", "values"),
    [
        ("filter.threshold=0.5,0.7", "filter.threshold", (0.5, 0.7)),
        ("cluster.k=8", "cluster.k", (8,)),
        ("seed=0,1,0", "seed", (0, 1)),
        ("segment.scale=[0.5, 2],[1, 1]", "segment.scale", ([0.5, 2], [1, 1])),
        ("segment.weights=null,imitate", "segment.weights", (None, "imitate")),
        ("filter.overlap=drop, occlude", "filter.overlap", ("drop", "occlude")),
    ],
)
def test_a_sweep_is_a_setting_and_values(text: str, setting: str, values: tuple[object, ...]) -> None:
    assert Sweep.parse(text) == Sweep(setting, values)


@pytest.mark.parametrize("text", ["filter.threshold", "=1,2", "cluster.k=", "cluster.k=[1", "cluster.k=1,,2"])
def test_what_is_no_sweep_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match=r"--sweep filter\.threshold=0\.5,0\.7,0\.9"):
        Sweep.parse(text)


def test_the_sets_of_masks_share_what_does_not_depend_on_them(
    config_file: Path, calls: list[str], quiet: Console
) -> None:
    outcomes = run_sweep(Plan(ConfigSource((config_file,))), MASK_SETS, quiet)
    assert [outcome.value for outcome in outcomes] == ["initial", "candidates", "confident"]
    # The mined masks need no detector; the candidates then bring one, which the confident ones share.
    final = ["filter", "segment"]
    assert calls == ["mine", "cluster", *final, "distill", *final, *final]
    assert [[result.stage for result in outcome.results] for outcome in outcomes] == [
        ["mine", "cluster", "filter", "segment"],
        list(STAGE_NAMES),
        list(STAGE_NAMES),
    ]
    calls.clear()
    assert run_sweep(Plan(ConfigSource((config_file,))), MASK_SETS, quiet)[2].results[-1].cached
    assert calls == []


def test_a_sweep_can_end_before_the_final_model(config_file: Path, calls: list[str], quiet: Console) -> None:
    sweep = Sweep("distill.lr", (0.001, 0.002))
    outcomes = run_sweep(Plan(ConfigSource((config_file,))), sweep, quiet, "distill")
    assert calls == ["mine", "cluster", "distill", "distill"]
    assert compare(sweep.setting, outcomes).rows[0][1] == str(outcomes[0].results[-1].items)


def test_the_confident_masks_are_those_of_an_ordinary_run(make_plan: MakePlan) -> None:
    ordinary, confident = make_plan(), make_plan("filter.masks=confident")
    assert {name: planned.key for name, planned in ordinary.stages.items()} == {
        name: planned.key for name, planned in confident.stages.items()
    }


@pytest.mark.parametrize("masks", ["initial", "candidates"])
def test_a_threshold_that_nothing_is_held_against_is_no_part_of_a_key(make_plan: MakePlan, masks: str) -> None:
    keys = {make_plan(f"filter.masks={masks}", f"filter.threshold={t}").stages["filter"].key for t in (0.2, 0.8)}
    assert len(keys) == 1
    confident = {make_plan(f"filter.threshold={t}").stages["filter"].key for t in (0.2, 0.8)}
    assert len(confident) == 2


def test_a_run_from_the_mined_masks_does_not_depend_on_the_detector(make_plan: MakePlan) -> None:
    plans = [make_plan("filter.masks=initial", f"distill.iterations={n}") for n in (5, 6)]
    assert plans[0].stages["segment"].key == plans[1].stages["segment"].key
    assert [spec.name for spec in plans[0].specs] == ["mine", "cluster", "filter", "segment"]


def test_a_value_that_fails_leaves_the_others(config_file: Path, calls: list[str], quiet: Console) -> None:
    def sometimes(plan: Plan, stages: Sequence[StageSpec], console: Console) -> Sequence[StageResult]:
        if plan.config.filter.threshold == 0.5:
            raise MaskDistillError("no luck with one half")
        if plan.config.filter.threshold == 0.6:
            raise RuntimeError("out of memory")
        return run_stages(plan, stages, console)

    sweep = Sweep("filter.threshold", (0.5, 0.6, 0.7))
    outcomes = run_sweep(Plan(ConfigSource((config_file,))), sweep, quiet, run=sometimes)
    assert [outcome.error for outcome in outcomes] == [
        "no luck with one half",
        "RuntimeError: out of memory",
        None,
    ]
    assert outcomes[2].results[-1].stage == "segment"


def test_ablate_of_a_failing_value_is_exit_code_1(
    invoke: Invoke, use_stages: Callable[[Callable[[str], StageFunction]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object) -> StageOutputs:
        raise MaskDistillError("no luck")

    use_stages(lambda name: fail)
    assert invoke("ablate", "--sweep", "filter.threshold=0.5") == 1
    captured = capsys.readouterr()
    assert "failed: no luck" in captured.out
    assert "filter.threshold = 0.5: failed" in captured.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--sweep", "filter.treshold=0.5,0.7"], "filter.treshold: no such field; did you mean filter.threshold?"),
        (["--sweep", "filter.threshold=0.5,7"], "filter.threshold: input should be less than or equal to 1"),
        (["--sweep", "nonsense"], "a sweep reads section.field=value,value,..."),
        (["--to", "distill"], "distill: not part of this run, whose stages are mine, cluster, filter, segment"),
        (["--out", "table.xlsx"], "it must be one of .md, .json, .csv"),
    ],
)
def test_bad_usage_is_exit_code_2_before_anything_runs(
    invoke: Invoke,
    calls: list[str],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: str,
) -> None:
    assert invoke("ablate", *arguments) == 2
    assert expected in " ".join(capsys.readouterr().err.split())
    assert calls == []


def result(stage: str, miou: float) -> StageResult:
    scores = {"train": {"miou": miou, "iou_per_class": {"cat": 0.5}}, "val": {"miou": miou / 2}}
    return StageResult(stage, "key", 12, "masks", 1.0, cached=stage == "filter", scores=scores)


OUTCOMES = (
    Outcome(0.5, (result("filter", 0.5), result("segment", 0.25))),
    Outcome(0.7, error="no space | left"),
)


def test_the_table_compares_pseudo_labels_and_final_model() -> None:
    table = compare("filter.threshold", OUTCOMES)
    assert list(table.columns) == [
        "filter.threshold",
        "masks",
        "pseudo-labels, mIoU",
        "final model, mIoU",
        "made new",
    ]
    first = [str(cell).replace(" ", "") for cell in table.rows[0]]
    assert first == ["0.5", "12", "0.500/0.250", "0.250/0.125", "segment"]
    assert list(table.rows[1]) == ["0.7", "–", "–", "–", "failed: no space | left"]


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        ("cluster.k", ["mined masks, mIoU", "candidates, mIoU", "pseudo-labels, mIoU"]),
        ("distill.lr", ["candidates, mIoU", "pseudo-labels, mIoU"]),
        ("filter.threshold", ["pseudo-labels, mIoU"]),
        ("seed", ["mined masks, mIoU", "candidates, mIoU", "pseudo-labels, mIoU"]),
    ],
)
def test_the_table_leaves_out_what_comes_before_the_setting(setting: str, shown: list[str]) -> None:
    outcome = Outcome(1, tuple(result(stage, 0.5) for stage in ("mine", "cluster", "distill", "filter")))
    assert list(compare(setting, [outcome]).columns) == [setting, "masks", *shown, "made new"]


def test_a_sweep_that_ends_with_mining_shows_its_masks() -> None:
    scores = {"val": {"foreground_iou": 0.5}}
    outcome = Outcome(True, (StageResult("mine", "key", 7, "masks", 1.0, cached=False, scores=scores),))
    table = compare("mine.fill_holes", [outcome])
    assert list(table.columns) == ["mine.fill_holes", "masks", "mined masks, foreground IoU", "made new"]
    assert [str(cell) for cell in table.rows[0]] == ["True", "7", "0.500", "mine"]
    before = compare("distill.lr", [outcome])
    assert list(before.columns) == ["distill.lr", "masks", "made new"]
    assert before.note == "Scores on training / validation images."


def test_without_ground_truth_there_are_no_scores_in_the_table() -> None:
    bare = StageResult("filter", "key", 3, "masks", 1.0, cached=False, scores={"status": "no ground truth"})
    table = compare("seed", [Outcome(0, (bare,))])
    assert list(table.columns) == ["seed", "masks", "made new"]
    assert table.note == "No ground truth."


def test_results_are_written_as_markdown_json_and_csv(tmp_path: Path) -> None:
    for ending in ("md", "json", "csv"):
        write_comparison(tmp_path / f"out.{ending}", "filter.threshold", OUTCOMES)
    assert "failed: no space \\| left" in (tmp_path / "out.md").read_text()
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["setting"] == "filter.threshold"
    assert [outcome["error"] for outcome in written["outcomes"]] == [None, "no space | left"]
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[1] == {"filter.threshold": "0.5", "stage": "filter", "split": "val", "metric": "miou", "score": "0.25"}
    assert len(rows) == 4
