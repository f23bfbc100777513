"""Keys depend on all that changes a result and on nothing else; the reason for a miss is told."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from maskdistill.data.errors import InputError, MissingArtifact
from maskdistill.pipeline.dag import STAGE_NAMES, STAGES, stage_range
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan

MakePlan = Callable[..., Plan]


def keys(plan: Plan) -> dict[str, str]:
    return {name: planned.key for name, planned in plan.stages.items()}


def changed(make_plan: MakePlan, *overrides: str) -> list[str]:
    before, after = keys(make_plan()), keys(make_plan(*overrides))
    return [name for name in STAGE_NAMES if before[name] != after[name]]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("mine.affinity.topk_fraction=0.3", list(STAGE_NAMES)),
        ("data.first=2", list(STAGE_NAMES)),
        ("seed=9", list(STAGE_NAMES)),
        ("cluster.k=7", ["cluster", "distill", "filter", "segment"]),
        ("distill.lr=0.5", ["distill", "filter", "segment"]),
        ("filter.threshold=0.8", ["filter", "segment"]),
        ("segment.lr=0.5", ["segment"]),
        ("execution.batch_size=3", []),
        ("execution.device=cpu", []),
        ("data.max_failure_rate=0.5", []),
        ("artifacts=elsewhere", []),
    ],
)
def test_what_a_setting_changes(make_plan: MakePlan, override: str, expected: list[str]) -> None:
    assert changed(make_plan, override) == expected


def test_seed_does_not_change_what_has_nothing_random(make_plan: MakePlan, tmp_path: Path) -> None:
    weights = tmp_path / "vit.safetensors"
    weights.write_bytes(b"x")
    before = make_plan(f"mine.weights={weights}")
    after = make_plan(f"mine.weights={weights}", "seed=4")
    assert keys(before)["mine"] == keys(after)["mine"]
    assert keys(before)["cluster"] != keys(after)["cluster"]


def test_pretrain_runs_where_its_result_is_used_and_nowhere_else(make_plan: MakePlan) -> None:
    without, with_it = make_plan(), make_plan("mine.weights=pretrain")
    assert [spec.name for spec in without.specs] == list(STAGE_NAMES)
    assert [spec.name for spec in with_it.specs] == ["pretrain", *STAGE_NAMES]
    assert with_it.stages["mine"].inputs == ("pretrain",)
    assert with_it.stages["cluster"].inputs == ("mine", "pretrain")
    assert changed(make_plan, "pretrain.lr=0.5") == []
    other = make_plan("mine.weights=pretrain", "pretrain.lr=0.5")
    assert all(keys(with_it)[name] != keys(other)[name] for name in ("pretrain", *STAGE_NAMES))


def test_slices_of_a_run(make_plan: MakePlan) -> None:
    plan = make_plan()
    assert [spec.name for spec in stage_range(plan.specs, "cluster", "filter")] == ["cluster", "distill", "filter"]
    with pytest.raises(InputError, match="pretrain: not part of this run"):
        stage_range(plan.specs, "pretrain", None)


def test_weights_count_by_content_not_by_path(make_plan: MakePlan, tmp_path: Path) -> None:
    first, second = tmp_path / "a.pth", tmp_path / "b.pth"
    first.write_bytes(b"same")
    second.write_bytes(b"same")
    assert keys(make_plan(f"mine.weights={first}")) == keys(make_plan(f"mine.weights={second}"))
    second.write_bytes(b"other")
    assert keys(make_plan(f"mine.weights={first}")) != keys(make_plan(f"mine.weights={second}"))


def test_missing_weights_are_named(make_plan: MakePlan) -> None:
    with pytest.raises(InputError, match=r"mine\.weights: nowhere\.pth: no such file"):
        make_plan("mine.weights=nowhere.pth")


def test_keys_are_the_same_in_another_process(make_plan: MakePlan, config_file: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from maskdistill.pipeline.config import ConfigSource; from maskdistill.pipeline.plan import Plan\n"
        "print(*[s.key for s in Plan(ConfigSource((Path(sys.argv[1]),))).stages.values()])"
    )
    run = subprocess.run([sys.executable, "-c", code, str(config_file)], capture_output=True, text=True, check=True)
    assert run.stdout.split() == list(keys(make_plan()).values())


def test_reasons_for_a_miss(make_plan: MakePlan, calls: list[str], quiet: Console) -> None:
    plan = make_plan()
    assert plan.why_missing("mine") == "never made"
    run_stages(plan, STAGES, quiet)
    other = make_plan("filter.threshold=0.8")
    assert other.why_missing("filter") == "filter.threshold: 0.9 -> 0.8"
    assert other.why_missing("segment") == "input filter changed"
    assert make_plan("data.first=2").why_missing("mine") == "data changed"


def test_require_tells_the_command(make_plan: MakePlan) -> None:
    plan = make_plan("cluster.k=3")
    with pytest.raises(MissingArtifact, match=r"maskdistill run -c .*photos\.yaml -s cluster\.k=3 --to mine"):
        plan.require("mine", "stage cluster")
