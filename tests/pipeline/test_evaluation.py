"""Scores are computed once, for one ground truth, seed and choice of classes."""

from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from maskdistill.pipeline.baselines import evaluate_baselines
from maskdistill.pipeline.dag import STAGES
from maskdistill.pipeline.evaluation import evaluate_linear_probe, evaluate_stage
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.upkeep.gc import find_garbage, remove_garbage

BASELINES = {"coin": {"items": 4, "seconds": 1.0, "scores": {"train": {"corloc": 0.5}}}}


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was computed, in place of computing it."""
    names: list[str] = []

    def replace(function: str, result: dict[str, Any]) -> None:
        def compute(*arguments: Any) -> dict[str, Any]:
            names.append(function.rpartition(".")[2])
            return result

        monkeypatch.setattr(function, compute)

    replace("maskdistill.stages.evaluate.baselines.evaluate_baselines", BASELINES)
    replace("maskdistill.stages.evaluate.linear_probe.linear_probe", {"val": {"miou": 0.5}})
    replace("maskdistill.stages.evaluate.stage.evaluate", {"val": {"miou": 0.25}})
    return names


def test_baselines_are_computed_once_and_only_where_they_are_wanted(
    computed: list[str], make_plan: Callable[..., Plan], quiet: Console
) -> None:
    assert evaluate_baselines(make_plan(), quiet) == {}
    wanted = "evaluate.baselines=true"
    for _ in range(2):
        assert evaluate_baselines(make_plan(wanted), quiet) == BASELINES
    assert computed == ["evaluate_baselines"]
    for change in ("seed=1", "evaluate.baseline_images=7", "cluster.k=5", "evaluate.classes=[star]"):
        evaluate_baselines(make_plan(wanted, change), quiet)
    evaluate_baselines(make_plan(wanted, "filter.threshold=0.1"), quiet)
    assert len(computed) == 5


def test_whether_baselines_are_wanted_changes_no_score_of_a_stage(
    computed: list[str], calls: list[str], make_plan: Callable[..., Plan], quiet: Console
) -> None:
    run_stages(make_plan(), STAGES, quiet)
    for change in ("evaluate.baselines=true", "evaluate.baselines=false", "evaluate.linear_probe.epochs=3"):
        assert evaluate_stage(make_plan(change), "mine", quiet) == {"val": {"miou": 0.25}}
    assert computed == ["evaluate"]
    evaluate_stage(make_plan("evaluate.classes=[star]"), "mine", quiet)
    assert computed == ["evaluate", "evaluate"]


def test_scores_go_with_their_artifacts(
    computed: list[str], calls: list[str], make_plan: Callable[..., Plan], quiet: Console
) -> None:
    plan = make_plan("evaluate.baselines=true")
    run_stages(plan, STAGES, quiet)
    evaluate_baselines(plan, quiet)
    for _ in range(2):
        assert evaluate_linear_probe(plan, quiet) == {"val": {"miou": 0.5}}
    assert computed == ["evaluate_baselines", "linear_probe"]
    folder = plan.store.root / "evaluate"
    assert len(list(folder.rglob("*.json"))) == 2
    other = make_plan("seed=9")
    remove_garbage(other, find_garbage(other))
    assert list(folder.rglob("*.json")) == []
