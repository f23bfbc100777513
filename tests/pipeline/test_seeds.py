"""Scores of several seeds, and the command `evaluate`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from maskdistill.data.errors import InputError, MissingArtifact
from maskdistill.pipeline.apps.cli import app
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.dag import STAGE_NAMES
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.variants import finished_scores, mean_and_deviation, scores_of_seeds


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch, calls: list[str]) -> list[str]:
    """Stages that take no time, with scores that depend on stage and seed."""

    def score(plan: Plan, stage: str, console: Console) -> dict[str, Any]:
        value = STAGE_NAMES.index(stage) / 10 + plan.config.seed / 100
        return {"train": {"miou": value, "iou_per_class": {"cat": value}}, "val": {"miou": value, "nmi": 0.5}}

    monkeypatch.setattr("maskdistill.pipeline.variants.evaluate_stage", score)
    return calls


def test_every_seed_is_run_once(scored: list[str], config_file: Path, quiet: Console) -> None:
    source = ConfigSource((config_file,))
    found = scores_of_seeds(source, 3, quiet)
    # Neither mining with random weights nor anything after it is shared by two seeds.
    assert scored == list(STAGE_NAMES) * 3
    assert [one["segment"]["val"]["miou"] for one in found] == pytest.approx([0.4, 0.41, 0.42])
    assert scores_of_seeds(source, 3, quiet) == found
    assert len(scored) == 15


def test_a_stage_ends_the_runs(scored: list[str], config_file: Path, quiet: Console) -> None:
    found = scores_of_seeds(ConfigSource((config_file,)), 2, quiet, "cluster")
    assert scored == ["mine", "cluster"] * 2
    assert [list(one) for one in found] == [["cluster"], ["cluster"]]


def test_mean_and_deviation_by_hand() -> None:
    runs = [
        {"mine": {"val": {"corloc": value, "reliability": []}}, "other": {"val": {"corloc": 1.0}}}
        for value in (0.1, 0.2, 0.6)
    ]
    del runs[2]["other"]
    runs[0]["mine"]["val"]["miou"] = 0.5
    (figures,) = mean_and_deviation(runs)["mine"].values()
    assert mean_and_deviation(runs).keys() == {"mine"}
    # Deviations -0.2, -0.1, 0.3: variance (0.04 + 0.01 + 0.09) / 2.
    expected = {"mean": pytest.approx(0.3), "std": pytest.approx(0.07**0.5), "values": [0.1, 0.2, 0.6]}
    assert figures == {"corloc": expected}


def test_what_cannot_be_scored_is_said(
    scored: list[str], make_plan: Callable[..., Plan], quiet: Console, tmp_path: Path
) -> None:
    with pytest.raises(MissingArtifact, match="--to mine"):
        finished_scores(make_plan(), quiet)
    with pytest.raises(MissingArtifact, match="--to filter"):
        finished_scores(make_plan(), quiet, "filter")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").touch()
    with pytest.raises(InputError, match="no ground truth"):
        finished_scores(make_plan("data.kind=folder", f"data.root={tmp_path / 'photos'}"), quiet)


def test_the_command_prints_a_table_or_json(scored: list[str], config_file: Path) -> None:
    runner = CliRunner()
    text = runner.invoke(app, ["evaluate", "-c", str(config_file), "--seeds", "2"]).stdout
    assert "validation images" in text
    assert "0.405 ± 0.007" in text
    output = runner.invoke(app, ["evaluate", "-c", str(config_file), "--stage", "segment", "--json"]).stdout
    assert json.loads(output)["segment"]["train"] == {"miou": 0.4, "iou_per_class": {"cat": 0.4}}
