"""Parts on Ray: the same as here, whatever happens to the workers. Run by `make test-ray`."""

import sys
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
from content_hashes import content_hashes
from rich.console import Console

from helpers.cluster_jobs import Failing, Killed, Squares, loaded, parts_of
from helpers.fault_stages import fault_plan, write_config
from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.pipeline.dag import STAGES
from maskdistill.pipeline.engines.cluster import ClusterEngine
from maskdistill.pipeline.engines.ray import RayCluster
from maskdistill.pipeline.launch import run_stages
from maskdistill.stages.contract import ExecutionConfig

TWO = ExecutionConfig(engine="ray", workers=2, device="cpu")
# It warns of its own future, and leaves sockets and processes to the collector.
pytestmark = pytest.mark.filterwarnings("ignore")


def _need_ray() -> None:
    """Without importing it, as it reads the environment when it is first imported."""
    if find_spec("ray") is None:
        pytest.skip("ray is not installed")


@pytest.fixture(scope="module")
def engine(importable: None) -> Iterator[ClusterEngine]:
    _need_ray()
    with closing(ClusterEngine(lambda: RayCluster(TWO, lambda line: None))) as engine:
        yield engine


@pytest.mark.ray
def test_a_worker_that_is_killed_changes_nothing(engine: ClusterEngine, tmp_path: Path) -> None:
    job = Killed(loaded(tmp_path / "shots", 2))
    assert parts_of(job, tmp_path / "there", engine) == parts_of(Squares(), tmp_path / "here")
    assert not list(job.shots.iterdir())


@pytest.mark.ray
def test_a_part_that_kills_every_worker_is_given_up(engine: ClusterEngine, tmp_path: Path) -> None:
    with pytest.raises(MaskDistillError, match=r"4 times over, most likely for want of memory"):
        parts_of(Killed(loaded(tmp_path / "shots", 9)), tmp_path / "parts", engine)
    assert not (tmp_path / "parts" / "00000004-00000006").exists()


@pytest.mark.ray
def test_what_a_part_raises_is_raised_here(engine: ClusterEngine, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^not a number$"):
        parts_of(Failing(), tmp_path / "parts", engine)


@pytest.mark.ray
def test_a_run_on_ray_comes_to_the_same(tmp_path: Path, engine: ClusterEngine) -> None:
    engine.close()  # each stage starts its own
    config, quiet = write_config(tmp_path), Console(quiet=True)
    run_stages(fault_plan(config), STAGES, quiet)
    there = fault_plan(config, "execution.engine=ray", "execution.workers=2", f"artifacts={tmp_path / 'there'}")
    run_stages(there, STAGES, quiet)
    assert content_hashes(tmp_path / "there") == content_hashes(tmp_path / "artifacts")


@pytest.mark.ray
@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nonsense"])
def test_nobody_at_the_address(address: str) -> None:
    _need_ray()
    with pytest.raises(InputError, match=rf"execution\.address: {address}: no cluster .*ray start --head"):
        RayCluster(ExecutionConfig(engine="ray", address=address), print, seconds=1)


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'maskdistill\[ray\]'"):
        RayCluster(TWO, print)
