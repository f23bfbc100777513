"""Caching, forcing, failing, waiting and verifying, with stages that take no time."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from helpers.drawn_stages import StageFunction
from helpers.recorded_stages import RecordedStages
from maskdistill.data.errors import CorruptArtifact
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.dag import STAGE_NAMES, STAGES
from maskdistill.pipeline.launch import forced_stages, run_stages
from maskdistill.pipeline.manifest import MANIFEST
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.runner import run_stage
from maskdistill.pipeline.upkeep.gc import find_garbage, remove_garbage
from maskdistill.pipeline.upkeep.status import collect_status
from maskdistill.pipeline.upkeep.verify import verify_artifact
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.progress import Progress

MakePlan = Callable[..., Plan]


def test_a_second_run_does_nothing(make_plan: MakePlan, calls: list[str], quiet: Console) -> None:
    run_stages(make_plan(), STAGES, quiet)
    assert calls == list(STAGE_NAMES)
    results = run_stages(make_plan(), STAGES, quiet)
    assert calls == list(STAGE_NAMES)
    assert all(result.cached for result in results)


def test_a_changed_setting_runs_what_depends_on_it_and_going_back_runs_nothing(
    make_plan: MakePlan, calls: list[str], quiet: Console
) -> None:
    run_stages(make_plan(), STAGES, quiet)
    calls.clear()
    run_stages(make_plan("filter.threshold=0.8"), STAGES, quiet)
    assert calls == ["filter", "segment"]
    calls.clear()
    run_stages(make_plan(), STAGES, quiet)
    assert calls == []


def test_force_makes_a_stage_and_its_dependants_anew(make_plan: MakePlan, calls: list[str], quiet: Console) -> None:
    run_stages(make_plan(), STAGES, quiet)
    calls.clear()
    assert forced_stages(make_plan(), "distill") == {"distill", "filter", "segment"}
    run_stages(make_plan(), STAGES, quiet, forced=forced_stages(make_plan(), "distill"))
    assert calls == ["distill", "filter", "segment"]


@pytest.fixture
def failing() -> RecordedStages:
    """Stages that fail in the middle."""

    def function_of(name: str) -> StageFunction:
        def fail(config: Any, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
            (workdir / "half.txt").write_text("half")
            raise RuntimeError("no space")

        return fail

    return RecordedStages(function_of)


def test_a_failed_forced_run_keeps_the_old_artifact(
    make_plan: MakePlan, config_file: Path, failing: RecordedStages, quiet: Console
) -> None:
    plan = make_plan()
    run_stages(plan, STAGES, quiet)
    before = plan.manifest("mine")
    with pytest.raises(RuntimeError, match="no space"):
        run_stage(Plan(ConfigSource((config_file,)), failing.specs), "mine", quiet, force=True)
    assert plan.manifest("mine") == before
    assert (plan.path("mine") / "out.txt").exists()


def test_a_stage_that_fails_publishes_nothing(config_file: Path, failing: RecordedStages, quiet: Console) -> None:
    plan = Plan(ConfigSource((config_file,)), failing.specs)
    with pytest.raises(RuntimeError):
        run_stage(plan, "mine", quiet)
    assert plan.manifest("mine") is None
    assert plan.why_missing("mine").startswith("unfinished")


def test_two_runs_at_once_make_an_artifact_once(make_plan: MakePlan, calls: list[str], quiet: Console) -> None:
    threads = [threading.Thread(target=run_stages, args=(make_plan(), STAGES, quiet)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(calls) == sorted(STAGE_NAMES)


def test_leftovers_of_a_killed_run_are_swept(make_plan: MakePlan, calls: list[str], quiet: Console) -> None:
    plan = make_plan()
    leftover = plan.path("mine") / "parts" / ".00000000-00000002.17.tmp"
    leftover.mkdir(parents=True)
    (leftover / "x").write_text("half")
    manifest = run_stage(plan, "mine", quiet)
    assert not leftover.exists()
    assert set(manifest.files) == {"out.txt"}


def test_verify_finds_each_kind_of_damage(make_plan: MakePlan, calls: list[str], quiet: Console) -> None:
    plan = make_plan()
    manifest = run_stage(plan, "mine", quiet)
    folder = plan.path("mine")
    assert verify_artifact(folder, manifest) == []
    (folder / "out.txt").write_text("MINE")
    assert verify_artifact(folder, manifest) == [f"{folder / 'out.txt'}: its content is not what the manifest says"]
    (folder / "out.txt").write_text("longer than it was")
    assert "bytes, the manifest says 4" in verify_artifact(folder, manifest)[0]
    (folder / "out.txt").unlink()
    (folder / "stray.txt").write_text("?")
    faults = verify_artifact(folder, manifest)
    assert faults == [f"{folder / 'out.txt'}: missing", f"{folder / 'stray.txt'}: not in the manifest"]


def test_a_damaged_manifest_is_an_error_that_says_what_to_do(
    make_plan: MakePlan, calls: list[str], quiet: Console
) -> None:
    plan = make_plan()
    run_stage(plan, "mine", quiet)
    (plan.path("mine") / MANIFEST).write_text("{")
    with pytest.raises(CorruptArtifact, match="delete"):
        plan.manifest("mine")


def test_status_of_each_stage(make_plan: MakePlan, calls: list[str], quiet: Console) -> None:
    plan = make_plan()
    run_stage(plan, "mine", quiet)
    rows = {row["stage"]: row for row in collect_status(plan)}
    assert (rows["mine"]["state"], rows["mine"]["items"], rows["mine"]["bytes"]) == ("cached", 1, 4)
    assert rows["mine"]["precision"] in ("bf16", "fp32")
    assert (rows["cluster"]["state"], rows["cluster"]["why"]) == ("missing", "never made")
    with plan.store.lock("cluster", plan.stages["cluster"].key):
        assert {row["stage"]: row["state"] for row in collect_status(plan)}["cluster"] == "running"


def test_gc_removes_only_what_is_not_used(make_plan: MakePlan, calls: list[str], quiet: Console) -> None:
    plan, other = make_plan(), make_plan("filter.threshold=0.8")
    run_stages(plan, STAGES, quiet)
    run_stages(other, STAGES, quiet)
    scores = plan.store.evaluation_path("filter", other.stages["filter"].key, "labels")
    scores.parent.mkdir(parents=True)
    scores.write_text("{}")
    garbage = find_garbage(plan)
    assert garbage == [other.path("filter"), other.path("segment")]
    with plan.store.lock("filter", other.stages["filter"].key):
        assert find_garbage(plan) == [other.path("segment")]
    remove_garbage(plan, garbage)
    assert find_garbage(plan) == []
    assert not scores.exists()
    assert all(plan.manifest(name) for name in STAGE_NAMES)
