"""What is read is neither deleted nor replaced."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from helpers.commands import wait_until
from maskdistill.pipeline import readers
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.dag import STAGES
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.runner import run_stage
from maskdistill.pipeline.upkeep.gc import find_garbage, remove_garbage

MakePlan = Callable[..., Plan]
_READER = """
import sys
from pathlib import Path
from maskdistill.pipeline import readers
readers.hold(Path(sys.argv[1]))
print("reads", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def read() -> Iterator[Callable[[Path], "subprocess.Popen[str]"]]:
    """Lets another process read an artifact until its stdin is closed."""
    started: list[subprocess.Popen[str]] = []

    def start(file: Path) -> "subprocess.Popen[str]":
        line = [sys.executable, "-c", _READER, str(file)]
        process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "reads\n"
        return process

    yield start
    for process in started:
        process.communicate()


def test_gc_leaves_what_is_read_and_names_the_reader(
    make_plan: MakePlan, calls: list[str], quiet: Console, read: Callable[[Path], "subprocess.Popen[str]"]
) -> None:
    plan, other = make_plan(), make_plan("filter.threshold=0.8")
    run_stages(plan, STAGES, quiet)
    run_stages(other, STAGES, quiet)
    key = other.stages["filter"].key
    reader = read(plan.store.readers_file("filter", key))
    [left] = remove_garbage(plan, find_garbage(plan))
    assert f"filter/{key} is in use by process {reader.pid}" in left
    assert other.manifest("filter") is not None
    assert other.manifest("segment") is None
    reader.kill()
    reader.wait()
    assert remove_garbage(plan, find_garbage(plan)) == []
    assert other.manifest("filter") is None


def test_a_forced_run_waits_for_readers_and_names_them(
    make_plan: MakePlan, calls: list[str], read: Callable[[Path], "subprocess.Popen[str]"]
) -> None:
    plan, console = make_plan(), Console(record=True, width=300, file=StringIO())
    before = run_stage(plan, "mine", console)
    reader = read(plan.store.readers_file("mine", plan.stages["mine"].key))
    thread = threading.Thread(target=run_stage, args=(plan, "mine", console), kwargs={"force": True})
    thread.start()
    said = wait_until(lambda: [line for line in console.export_text(clear=False).splitlines() if "waiting" in line])
    assert f"in use by process {reader.pid}" in said[0]
    assert plan.manifest("mine") == before
    assert (plan.path("mine") / "out.txt").exists()
    reader.communicate()
    thread.join(timeout=60)
    after = plan.manifest("mine")
    assert after is not None
    assert after.started > before.started


def test_a_process_does_not_wait_for_itself(make_plan: MakePlan, calls: list[str], quiet: Console) -> None:
    plan = make_plan()
    before = run_stage(plan, "mine", quiet)
    run = Run(plan)
    run.folder("mine")
    assert run_stage(plan, "mine", quiet, force=True).started > before.started


def test_a_reader_lets_go_when_it_is_gone(make_plan: MakePlan, calls: list[str], quiet: Console) -> None:
    plan = make_plan()
    run_stage(plan, "mine", quiet)
    file = plan.store.readers_file("mine", plan.stages["mine"].key)
    run = Run(plan)
    run.folder("mine")
    probe = "import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    line = [sys.executable, "-c", probe, str(file)]
    assert subprocess.run(line, capture_output=True, check=False).returncode != 0
    del run
    assert subprocess.run(line, capture_output=True, check=False).returncode == 0


def test_locks_of_several_readers_in_one_process_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "x.readers"
    with readers.reading([file]):
        with readers.reading([file]):
            pass
        probe = "import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        line = [sys.executable, "-c", probe, str(file)]
        assert subprocess.run(line, capture_output=True, check=False).returncode != 0
