"""Scores are computed once, for one ground truth, seed and choice of classes."""

import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from helpers.blob_run import blob_config
from helpers.drawn_stages import drawn_stage
from helpers.recorded_stages import RecordedStages
from helpers.sources import BlobSource
from maskdistill.data.checked_json import write_checked
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.dag import STAGES
from maskdistill.pipeline.evaluation import evaluate_stage
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.upkeep.gc import find_garbage, remove_garbage

MakePlan = Callable[..., Plan]


@pytest.fixture
def scored_plan(tmp_path: Path) -> MakePlan:
    """Makes plans of a run over blob images with ground truth, whose stages draw."""
    blobs = BlobSource()
    path = blob_config(tmp_path, blobs, class_names=blobs.class_names)
    specs = RecordedStages(drawn_stage).specs
    return lambda *overrides: Plan(ConfigSource((path,), overrides), specs)


def score_files(plan: Plan) -> list[Path]:
    return sorted((plan.store.root / "evaluate").rglob("*.json"))


def test_scores_are_computed_once(scored_plan: MakePlan, quiet: Console) -> None:
    plan = scored_plan()
    run_stages(plan, STAGES, quiet)
    found = evaluate_stage(plan, "mine", quiet)
    assert found["val"]["foreground_iou"] > 0.9
    (path,) = (path for path in score_files(plan) if path.parent.name == "mine")
    write_checked(path, {"val": {"foreground_iou": 0.123}})
    assert evaluate_stage(scored_plan(), "mine", quiet)["val"]["foreground_iou"] == 0.123


def _another_score(text: str) -> str:
    return re.sub(r"\d\.\d+", "0.125", text, count=1)


@pytest.mark.parametrize("change", [_another_score, lambda text: text[:-9], lambda text: "[1]"])
def test_damaged_scores_are_computed_anew_with_a_line(
    scored_plan: MakePlan, quiet: Console, change: Callable[[str], str]
) -> None:
    plan, said = scored_plan(), StringIO()
    run_stages(plan, STAGES, quiet)
    found = evaluate_stage(plan, "mine", quiet)
    (path,) = (path for path in score_files(plan) if path.parent.name == "mine")
    whole = path.read_text()
    assert change(whole) != whole
    path.write_text(change(whole))
    assert evaluate_stage(scored_plan(), "mine", Console(file=said)) == found
    assert "damaged" in said.getvalue()
    assert path.read_text() == whole


def test_what_is_compared_with_changes_no_score_of_a_stage(scored_plan: MakePlan, quiet: Console) -> None:
    plan = scored_plan()
    run_stages(plan, STAGES, quiet)
    before = score_files(plan)
    for change in ("evaluate.baselines=true", "evaluate.baselines=false", "evaluate.linear_probe.epochs=3"):
        evaluate_stage(scored_plan(change), "mine", quiet)
    assert score_files(plan) == before
    some = evaluate_stage(scored_plan("evaluate.classes=[red]"), "segment", quiet)
    assert len(score_files(plan)) == len(before) + 1
    assert set(some["val"]["iou_per_class"]) == {"background", "red"}


def test_scores_go_with_their_artifacts(scored_plan: MakePlan, quiet: Console) -> None:
    plan = scored_plan()
    run_stages(plan, STAGES, quiet)
    assert len(score_files(plan)) == len(STAGES)
    other = scored_plan("seed=9")
    remove_garbage(other, find_garbage(other))
    assert score_files(plan) == []
