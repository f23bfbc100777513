"""Parts on Dask: the same as here, whatever happens to the workers."""

import logging
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest
from content_hashes import content_hashes
from rich.console import Console

from helpers.cluster_jobs import Failing, Killed, Squares, loaded, parts_of
from helpers.fault_stages import fault_plan, write_config
from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.pipeline.dag import STAGES
from maskdistill.pipeline.engines.cluster import ClusterEngine
from maskdistill.pipeline.engines.dask import DaskCluster
from maskdistill.pipeline.engines.open import made_elsewhere, open_engine
from maskdistill.pipeline.launch import run_stages
from maskdistill.stages.contract import ExecutionConfig


@pytest.fixture(scope="module")
def address(importable: None) -> Iterator[str]:
    """Of a scheduler with two workers, which are there before a run and after it."""
    with import_module("distributed").LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
        resources={"GPU": 1},
        silence_logs=logging.CRITICAL,
        scheduler_kwargs={"allowed_failures": 1},
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def execution(address: str) -> ExecutionConfig:
    return ExecutionConfig(engine="dask", address=address)


@pytest.fixture
def engine(execution: ExecutionConfig) -> Iterator[ClusterEngine]:
    with closing(ClusterEngine(lambda: DaskCluster(execution, lambda line: None))) as engine:
        yield engine


def test_a_run_on_dask_comes_to_the_same(tmp_path: Path, address: str) -> None:
    config, quiet = write_config(tmp_path), Console(quiet=True)
    overrides = ["execution.engine=dask", f"execution.address={address}", "execution.device=auto"]
    there = fault_plan(config, *overrides, f"artifacts={tmp_path / 'there'}")
    here = fault_plan(config)
    run_stages(here, STAGES, quiet)
    run_stages(there, STAGES, quiet)
    assert content_hashes(tmp_path / "there") == content_hashes(tmp_path / "artifacts")
    for name in ("mine", "distill", "segment"):
        manifest = there.manifest(name)
        assert manifest is not None
        assert str(manifest.environment["workers"])[0] in "12"
        assert manifest.key == here.stages[name].key
    assert all(result.cached for result in run_stages(fault_plan(config, *overrides), STAGES, quiet))


def test_it_says_which_workers_there_are(execution: ExecutionConfig, tmp_path: Path) -> None:
    said: list[str] = []
    with open_engine(execution, said.append) as engine:
        assert made_elsewhere(engine) == {}
        assert said == []  # nothing is to be done yet
        parts_of(Squares(), tmp_path / "parts", engine)
        assert str(made_elsewhere(engine)["workers"]).startswith(("1 on ", "2 on "))
    assert said == [f"Dask at {execution.address}: 2 workers, 2 of them with a GPU"]


def test_a_worker_that_is_killed_changes_nothing(engine: ClusterEngine, tmp_path: Path) -> None:
    job = Killed(loaded(tmp_path / "shots", 1))
    assert parts_of(job, tmp_path / "there", engine) == parts_of(Squares(), tmp_path / "here")
    assert not list(job.shots.iterdir())


def test_a_part_that_kills_every_worker_is_given_up(engine: ClusterEngine, tmp_path: Path) -> None:
    with pytest.raises(MaskDistillError, match=r"2 workers ended one after the other .* want of memory"):
        parts_of(Killed(loaded(tmp_path / "shots", 5)), tmp_path / "parts", engine)
    assert len(list((tmp_path / "shots").iterdir())) == 3
    assert not (tmp_path / "parts" / "00000004-00000006").exists()


def test_what_a_part_raises_is_raised_here(engine: ClusterEngine, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a number"):
        parts_of(Failing(), tmp_path / "parts", engine)
    assert not (tmp_path / "parts" / "00000004-00000006").exists()


def test_processes_are_started_where_no_address_is_given(importable: None, tmp_path: Path) -> None:
    said: list[str] = []
    with open_engine(ExecutionConfig(engine="dask", workers=2, device="cpu"), said.append) as engine:
        job = Killed(loaded(tmp_path / "shots", 1))
        assert parts_of(job, tmp_path / "there", engine) == parts_of(Squares(), tmp_path / "here")
    assert said[0].startswith("Dask at tls://127.0.0.1:")  # others on this machine cannot have it run their code


def test_nobody_at_the_address() -> None:
    execution = ExecutionConfig(engine="dask", address="tcp://127.0.0.1:1")
    with pytest.raises(InputError, match=r"execution\.address: tcp://127\.0\.0\.1:1: no scheduler .*dask scheduler"):
        DaskCluster(execution, print, seconds=0.3)


def test_what_is_no_address() -> None:
    with pytest.raises(InputError, match=r"execution\.address: nonsense"):
        DaskCluster(ExecutionConfig(engine="dask", address="nonsense"), print, seconds=0.3)


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'maskdistill\[dask\]'"):
        DaskCluster(ExecutionConfig(engine="dask"), print)
