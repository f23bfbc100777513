"""The five real stages on a few generated scenes: with and without Prefect, killed and resumed, twice at once.

Starting the command imports torch, and with Prefect a server comes up: that is most of what such a process costs. So
it is a process of its own where that is the promise, and runs within this one otherwise.
"""

import json
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpers.commands import children_of, finish, maskdistill, start, wait_until
from helpers.same_artifacts import assert_same_artifacts
from maskdistill.data.catalog import TRAINING_LOG
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.dag import STAGE_NAMES
from maskdistill.pipeline.manifest import MANIFEST, read_manifest
from maskdistill.pipeline.plan import Plan
from maskdistill.stages.training.trainer import CHECKPOINT

CONFIG = """
data: {kind: scenes, n_train: 12, n_val: 4, size: 64}
mine: {model: vit_tiny_patch16_224, weights: random, affinity: {short_side: 64}}
cluster: {k: 3, max_side: 64}
distill: {backbone: resnet18, heads: slim, image_size: 64, max_size: 64, iterations: 6, batch_size: 2,
          max_candidates: 3, min_score: 0.0}
filter: {threshold: 0.5}
segment: {backbone: resnet18, output_stride: 16, crop: 64, iterations: 6, batch_size: 2}
execution: {part_size: 4, checkpoint_seconds: 0, device: cpu}
"""


@pytest.fixture(scope="module")
def config_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    path.write_text(CONFIG)
    return path


def query(database: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(statement).fetchall()


def make_plan(config_file: Path, artifacts: Path, *overrides: str) -> Plan:
    return Plan(ConfigSource((config_file,), (f"artifacts={artifacts}", *overrides)))


@pytest.fixture(scope="module")
def unbroken(config_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A whole run without Prefect."""
    artifacts = tmp_path_factory.mktemp("unbroken")
    result = maskdistill(config_file, artifacts, "run", "--no-prefect")
    assert result.returncode == 0, result.stderr
    assert all(name in result.stdout for name in STAGE_NAMES)
    return make_plan(config_file, artifacts)


def test_every_stage_leaves_a_sound_artifact(unbroken: Plan, config_file: Path) -> None:
    result = maskdistill(config_file, unbroken.config.artifacts, "verify")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("sound") == len(STAGE_NAMES)
    for name in STAGE_NAMES:
        files = {path.name for path in unbroken.path(name).iterdir()}
        assert "parts" not in files
        assert MANIFEST in files


def test_a_cached_run_says_so_and_starts_no_server(unbroken: Plan, config_file: Path) -> None:
    result = maskdistill(config_file, unbroken.config.artifacts, "run")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("cached") == len(STAGE_NAMES)
    assert not (unbroken.config.artifacts / ".prefect").exists()


def test_the_picture_of_the_run_shows_the_validation_images(unbroken: Plan) -> None:
    with Image.open(unbroken.store.gallery_path(unbroken.stages["segment"].key)) as picture:
        columns, rows = round(picture.width / 204), round(picture.height / 204)
    assert (columns, rows) == (7, 4)


def test_scores_of_every_stage_are_there(unbroken: Plan) -> None:
    for name in STAGE_NAMES:
        (path,) = unbroken.store.evaluations(name, unbroken.stages[name].key)
        scores = json.loads(path.read_text())
        for split in ("train", "val"):
            score = scores[split]["foreground_iou" if name == "mine" else "miou"]
            assert 0 <= score <= 1


@pytest.fixture(scope="module")
def under_prefect(unbroken: Plan, config_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Two runs with Prefect that were started at once, each with a server of its own on one history."""
    artifacts = tmp_path_factory.mktemp("prefect")
    runs = [finish(process) for process in [start(config_file, artifacts, "run") for _ in range(2)]]
    assert [run.returncode for run in runs] == [0, 0], [run.stderr for run in runs]
    assert sum(run.stdout.count("new") for run in runs) >= len(STAGE_NAMES)
    return make_plan(config_file, artifacts)


def test_two_runs_at_once_under_prefect_give_the_artifacts_of_one_without(
    unbroken: Plan, under_prefect: Plan, config_file: Path
) -> None:
    assert maskdistill(config_file, under_prefect.config.artifacts, "verify").returncode == 0
    assert_same_artifacts(unbroken, under_prefect)


def test_prefect_keeps_the_history_of_each_run(under_prefect: Plan) -> None:
    history = under_prefect.store.root / ".prefect" / "prefect.db"
    runs = query(history, "SELECT flow.name, state_type, flow_run.id FROM flow_run JOIN flow ON flow.id = flow_id")
    assert [run[:2] for run in runs] == [("maskdistill", "COMPLETED")] * 2
    keys = {name: under_prefect.stages[name].key for name in STAGE_NAMES}
    for *_, run in runs:
        of_run = f"flow_run_id = '{run}'"
        tasks = query(history, f"SELECT name, state_type FROM task_run WHERE {of_run} ORDER BY start_time")
        assert tasks == [(f"{name}-{keys[name]}", "COMPLETED") for name in STAGE_NAMES]
        stages = f"SELECT data FROM artifact WHERE key = 'maskdistill-stages' AND {of_run}"
        ((table,),) = query(history, stages)
        assert all(key in table for key in keys.values())
        sections = dict(query(history, f"SELECT key, data FROM artifact WHERE type = 'markdown' AND {of_run}"))
        assert "+ final model" in sections["maskdistill-steps"]
        assert "mined masks" in sections["maskdistill-funnel"]
        assert "background" in sections["maskdistill-classes"]


def test_an_error_under_prefect_keeps_its_text_and_exit_code(under_prefect: Plan, config_file: Path) -> None:
    # The history is there already: to make a new one takes the server longer than all the rest.
    wrong = start(config_file, under_prefect.config.artifacts, "run", "--to", "mine", "-s", "mine.affinity.block=99")
    result = finish(wrong)
    assert result.returncode == 2
    assert "mine.affinity.block: 99 is out of range" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_killed_run_leaves_no_server_behind(config_file: Path, tmp_path: Path) -> None:
    with start(config_file, tmp_path, "run") as process:
        log = tmp_path / ".prefect" / "server.log"
        wait_until(log.exists)
        (server,) = wait_until(lambda: children_of(process.pid))
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_until(lambda: not Path(f"/proc/{server}").exists())


def test_single_stages_give_the_same_artifacts(unbroken: Plan, config_file: Path, tmp_path: Path) -> None:
    missing = maskdistill(config_file, tmp_path, "stage", "cluster")
    assert missing.returncode == 3
    assert "maskdistill run -c" in missing.stderr
    assert "--to mine" in missing.stderr
    for name in ("mine", "cluster"):
        result = maskdistill(config_file, tmp_path, "stage", name)
        assert result.returncode == 0, result.stderr
        manifests = [read_manifest(plan.path(name)) for plan in (unbroken, make_plan(config_file, tmp_path))]
        assert manifests[0] is not None
        assert manifests[1] is not None
        assert manifests[0].files == manifests[1].files


def progress_of(folder: Path) -> tuple[int, int]:
    """Finished parts and training steps that reached a checkpoint."""
    parts = len([path for path in folder.glob("parts*/*") if not path.name.startswith(".")])
    return parts, int((folder / CHECKPOINT).exists())


def wait_for_work(process: "subprocess.Popen[str]", plan: Plan, stage: str) -> None:
    """Until the stage has made something, but not all of it."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if any(progress_of(plan.path(stage))):
            return
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.002)
    raise AssertionError(f"{stage} made nothing in time")


def copy_artifacts(source: Plan, target: Plan, stages: Sequence[str]) -> None:
    """Keys and content do not depend on the folder that artifacts lie in."""
    for stage in stages:
        shutil.copytree(source.path(stage), target.path(stage))


@pytest.fixture
def killed(unbroken: Plan, config_file: Path, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Plan, str]:
    """A run that found the stages before one made, and was killed within that one."""
    stage = request.param
    plan = make_plan(config_file, tmp_path)
    copy_artifacts(unbroken, plan, STAGE_NAMES[: STAGE_NAMES.index(stage)])
    with start(config_file, tmp_path, "run", "--no-prefect") as process:
        wait_for_work(process, plan, stage)
        process.send_signal(signal.SIGKILL)
        process.wait()
    return plan, stage


# One stage here, which has both parts and checkpoints; tests/stages interrupts and resumes each of them.
KILLED = [name if name == "distill" else pytest.param(name, marks=pytest.mark.slow) for name in STAGE_NAMES]


@pytest.mark.parametrize("killed", KILLED, indirect=True)
def test_a_killed_run_resumes_to_the_same_result(
    killed: tuple[Plan, str], unbroken: Plan, config_file: Path, tmp_path: Path
) -> None:
    plan, stage = killed
    assert plan.manifest(stage) is None, "killed too late to test anything"
    earlier = STAGE_NAMES[: STAGE_NAMES.index(stage)]
    before = {name: read_manifest(plan.path(name)) for name in earlier}
    result = maskdistill(config_file, tmp_path, "run", "--no-prefect", "--to", stage)
    assert result.returncode == 0, result.stderr
    assert {name: read_manifest(plan.path(name)) for name in earlier} == before
    assert_same_artifacts(unbroken, plan, [*earlier, stage])
    if stage in ("distill", "segment"):
        lines = (plan.path(stage) / TRAINING_LOG).read_text().splitlines()
        assert [json.loads(line)["iteration"] for line in lines] == list(range(1, 7))
