"""Scores of several seeds: which runs they come from, and what is made of them."""

from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from helpers.recorded_stages import RecordedStages
from maskdistill.data.errors import InputError, MissingArtifact
from maskdistill.pipeline.dag import STAGE_NAMES
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.variants import finished_scores, mean_and_deviation, scores_of_seeds


def test_every_seed_is_run_once(plan: Plan, drawn: RecordedStages, quiet: Console) -> None:
    found = scores_of_seeds(plan, 3, quiet)
    # Neither mining with random weights nor anything after it is shared by two seeds.
    assert drawn.calls == list(STAGE_NAMES) * 3
    assert [list(one) for one in found] == [list(STAGE_NAMES)] * 3
    assert found[0]["segment"]["val"]["miou"] > 0.9
    assert scores_of_seeds(plan, 3, quiet) == found
    assert len(drawn.calls) == 15


def test_a_stage_ends_the_runs(plan: Plan, drawn: RecordedStages, quiet: Console) -> None:
    found = scores_of_seeds(plan, 2, quiet, "cluster")
    assert drawn.calls == ["mine", "cluster"] * 2
    assert [list(one) for one in found] == [["cluster"], ["cluster"]]


def test_mean_and_deviation_by_hand() -> None:
    runs: list[dict[str, Any]] = [
        {"mine": {"val": {"corloc": value, "reliability": []}}, "other": {"val": {"corloc": 1.0}}}
        for value in (0.1, 0.2, 0.6)
    ]
    del runs[2]["other"]
    runs[0]["mine"]["val"]["miou"] = 0.5
    (metrics,) = mean_and_deviation(runs)["mine"].values()
    assert mean_and_deviation(runs).keys() == {"mine"}
    # Deviations -0.2, -0.1, 0.3: variance (0.04 + 0.01 + 0.09) / 2.
    expected = {"mean": pytest.approx(0.3), "std": pytest.approx(0.07**0.5), "values": [0.1, 0.2, 0.6]}
    assert metrics == {"corloc": expected}


def test_what_cannot_be_scored_is_said(plan: Plan, make_plan: Callable[..., Plan], quiet: Console) -> None:
    with pytest.raises(MissingArtifact, match="--to mine"):
        finished_scores(plan, quiet)
    with pytest.raises(MissingArtifact, match="--to filter"):
        finished_scores(plan, quiet, "filter")
    with pytest.raises(InputError, match="no ground truth"):
        finished_scores(make_plan(), quiet)
