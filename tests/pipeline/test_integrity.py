"""Damage is named before anything is made of it, and taken away by `verify --repair`, and that alone."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from helpers.commands import maskdistill
from helpers.recorded_stages import RecordedStages
from maskdistill.data.atomic import atomic_path, write_json
from maskdistill.data.errors import CorruptArtifact
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.dag import STAGE_NAMES, STAGES
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.manifest import MANIFEST, write_manifest
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.runner import run_stage
from maskdistill.pipeline.unfinished import sweep_unfinished
from maskdistill.pipeline.upkeep.gc import find_garbage, remove_garbage
from maskdistill.pipeline.upkeep.repair import repair_stage
from maskdistill.pipeline.upkeep.status import collect_status
from maskdistill.pipeline.upkeep.verify import verify_stage
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.progress import Progress

MakePlan = Callable[..., Plan]


def damage(path: Path, *, keep_times: bool = False) -> None:
    """Flip a bit of a file."""
    status, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    if keep_times:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_damage_upstream_is_named_and_nothing_is_made_of_it(
    make_plan: MakePlan, calls: list[str], quiet: Console
) -> None:
    plan = make_plan()
    run_stage(plan, "mine", quiet)
    damage(plan.path("mine") / "out.txt")
    with pytest.raises(CorruptArtifact, match=r"out\.txt: its content is not .*\n.*\n.*verify .*--repair"):
        run_stage(plan, "cluster", quiet)
    assert calls == ["mine"]
    assert plan.manifest("cluster") is None


def test_what_changes_after_the_check_is_found_by_its_time(
    make_plan: MakePlan, calls: list[str], quiet: Console
) -> None:
    plan = make_plan()
    run_stages(plan, STAGES[:2], quiet)
    damage(plan.path("mine") / "out.txt")
    with pytest.raises(CorruptArtifact):
        run_stages(make_plan(), STAGES, quiet)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"stage": "mine"}', "\ud800"])
def test_no_content_of_a_manifest_is_a_traceback(
    make_plan: MakePlan, calls: list[str], quiet: Console, text: str
) -> None:
    plan = make_plan()
    run_stage(plan, "mine", quiet)
    (plan.path("mine") / MANIFEST).write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(CorruptArtifact, match="--repair"):
        plan.manifest("mine")


def test_an_altered_number_in_a_manifest_is_damage(make_plan: MakePlan, calls: list[str], quiet: Console) -> None:
    plan = make_plan()
    run_stage(plan, "mine", quiet)
    path = plan.path("mine") / MANIFEST
    path.write_text(path.read_text().replace('"items": 1', '"items": 3'))
    with pytest.raises(CorruptArtifact, match="not what was written"):
        plan.manifest("mine")


def test_manifests_of_before_the_checksum_are_read(make_plan: MakePlan, calls: list[str], quiet: Console) -> None:
    plan = make_plan()
    manifest = run_stage(plan, "mine", quiet)
    path = plan.path("mine") / MANIFEST
    content = json.loads(path.read_text())
    del content["checksum"]
    write_json(path, content)
    assert plan.manifest("mine") == manifest


def test_a_manifest_that_bears_another_key_is_damage(make_plan: MakePlan, calls: list[str], quiet: Console) -> None:
    plan, other = make_plan(), make_plan("filter.threshold=0.8")
    run_stages(plan, STAGES, quiet)
    run_stages(other, STAGES, quiet)
    shutil.copy(other.path("filter") / MANIFEST, plan.path("filter") / MANIFEST)
    with pytest.raises(CorruptArtifact, match="is that of"):
        plan.manifest("filter")
    found = verify_stage(plan, "filter")
    assert found
    manifest = other.manifest("filter")
    assert manifest is not None
    write_manifest(plan.path("filter"), manifest.model_copy(update={"key": plan.stages["filter"].key}))
    found = verify_stage(plan, "filter")
    assert found
    assert "not what its key stands for" in found[0]


def test_status_verify_and_repair(make_plan: MakePlan, config_file: Path, calls: list[str], quiet: Console) -> None:
    plan = make_plan()
    run_stages(plan, STAGES, quiet)
    damage(plan.path("mine") / "out.txt", keep_times=True)
    (plan.path("distill") / MANIFEST).write_text("{")
    states = {row["stage"]: row["state"] for row in collect_status(make_plan())}
    assert {name for name, state in states.items() if state == "damaged"} == {"mine", "distill"}
    artifacts = plan.store.root
    for command in (("status",), ("gc",)):
        assert maskdistill(config_file, artifacts, *command).returncode == 0
    found = maskdistill(config_file, artifacts, "verify")
    assert (found.returncode, found.stdout.count("damaged"), found.stdout.count("sound")) == (1, 2, 3)
    found = maskdistill(config_file, artifacts, "verify", "--repair")
    assert (found.returncode, found.stdout.count("removed")) == (0, 2)
    calls.clear()
    run_stages(make_plan(), STAGES, quiet)
    assert calls == ["mine", "distill"]
    assert [verify_stage(make_plan(), name) for name in STAGE_NAMES] == [[]] * len(STAGE_NAMES)


def test_repair_removes_only_damaged_stores_where_the_rest_is_sound(
    make_plan: MakePlan, calls: list[str], quiet: Console
) -> None:
    plan = make_plan()
    folder = plan.path("segment")
    for name in ("predictions.zarr/c", "segmenter.safetensors"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("much")
    run_stages(plan, STAGES, quiet)
    (folder / "stray").touch()
    assert repair_stage(plan, "segment") == [folder / "stray"]
    assert plan.manifest("segment") is not None
    damage(folder / "predictions.zarr" / "c")
    assert repair_stage(plan, "segment") == [folder / "predictions.zarr"]
    assert plan.manifest("segment") is None
    assert (folder / "segmenter.safetensors").exists()


def test_damaged_leftovers_of_a_killed_run_are_made_anew_with_a_line(tmp_path: Path) -> None:
    assert sweep_unfinished(tmp_path) == []
    for name in ("parts/a", "parts/b"):
        with atomic_path(tmp_path / name) as part:
            part.mkdir()
            (part / "values").write_text("values")
    damage(tmp_path / "parts" / "a" / "values", keep_times=True)
    [line] = sweep_unfinished(tmp_path)
    assert "parts/a was damaged" in line
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["b"]
    assert sweep_unfinished(tmp_path) == []


def test_what_is_damaged_while_a_stage_runs_is_not_published(
    make_plan: MakePlan, config_file: Path, quiet: Console
) -> None:
    def function_of(name: str) -> Callable[..., StageOutputs]:
        def run(config: object, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
            if not (workdir / "weights.json").exists():
                write_json(workdir / "weights.json", [1, 2])
                damage(workdir / "weights.json")
            return StageOutputs(1, "things")

        return run

    plan = Plan(ConfigSource((config_file,)), RecordedStages(function_of).specs)
    with pytest.raises(CorruptArtifact, match="changed on the disk"):
        run_stage(plan, "mine", quiet)
    assert plan.manifest("mine") is None
    assert not (plan.path("mine") / "weights.json").exists()


def test_a_killed_replacement_is_swept(make_plan: MakePlan, calls: list[str], quiet: Console) -> None:
    plan = make_plan()
    manifest = run_stage(plan, "mine", quiet)
    folder, calls_before = plan.path("mine"), list(calls)
    folder.rename(folder.with_suffix(".replaced"))
    folder.with_suffix(".new").mkdir()
    assert run_stage(plan, "mine", quiet) == manifest
    shutil.copytree(folder, folder.with_suffix(".replaced"))
    assert len(plan.store.manifests("mine")) == 1
    assert run_stage(plan, "mine", quiet) == manifest
    assert calls == calls_before
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == [folder.name]


def test_gc_of_what_a_killed_replacement_left_keeps_the_artifact(
    make_plan: MakePlan, calls: list[str], quiet: Console
) -> None:
    plan = make_plan()
    manifest = run_stage(plan, "mine", quiet)
    plan.store.new_path("mine", manifest.key).mkdir()
    assert remove_garbage(plan, find_garbage(plan)) == []
    assert plan.manifest("mine") == manifest
    assert find_garbage(plan) == []
