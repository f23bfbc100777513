"""Runs by name."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from maskdistill.data.errors import InputError
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.config_files import config_names
from maskdistill.pipeline.dag import STAGES
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.runs import describe_runs, find_run, list_runs, record_run


def keys(plan: Plan) -> dict[str, str]:
    return {name: planned.key for name, planned in plan.stages.items()}


@pytest.mark.parametrize("name", sorted(set(config_names()) - {"coco20k", "voc2012", "cpu", "cpu_resnet", "mask_rcnn"}))
def test_a_recorded_run_is_the_same_run(name: str, tmp_path: Path) -> None:
    """Whatever configuration it had, profiles included, and with settings over those of the profile."""
    overrides = [f"artifacts={tmp_path / 'made'}", "mine.weights=random", "filter.threshold=0.37"]
    if name == "images":
        (tmp_path / "my photos").mkdir()
        (tmp_path / "my photos" / "a.png").write_bytes(b"")
        overrides += [f"data.root={tmp_path / 'my photos'}", "profile=cpu"]
    plan = Plan(ConfigSource((Path(name),), tuple(overrides)))
    again = Plan(record_run(plan).config_source)
    assert keys(again) == keys(plan)
    assert again.config.artifacts == plan.config.artifacts
    assert Plan(find_run(plan.store.root, "last", ["filter.threshold=0.5"])).config.filter.threshold == 0.5


def test_runs_are_found_by_name_and_key(make_plan: Callable[..., Plan], tmp_path: Path) -> None:
    first, second = make_plan(), make_plan("seed=3")
    root = first.store.root
    one, other = record_run(first), record_run(second, "three")
    os.utime(one.file, (one.started + 10, one.started + 10))
    assert one.name.startswith("photos-")
    assert [run.name for run in list_runs(root)] == [one.name, "three"]
    assert find_run(root, "last").paths == (one.file,)
    assert find_run(root, "three").paths == (other.file,)
    assert find_run(root, second.stages["segment"].key[:8]).paths == (other.file,)
    record_run(second, "three")
    os.utime(other.file, (one.started + 20, one.started + 20))
    assert find_run(root, "last").paths == (other.file,)


def test_what_is_not_there_is_said(make_plan: Callable[..., Plan], tmp_path: Path) -> None:
    plan = make_plan()
    with pytest.raises(InputError, match=r"--run last: no such run.*none was started"):
        find_run(plan.store.root, "last")
    record_run(plan, "mine")
    with pytest.raises(InputError, match=r"--run yours: no such run.*by name: mine"):
        find_run(plan.store.root, "yours")
    for name in ("last", "../up", "", "a b", ".hidden"):
        with pytest.raises(InputError, match="--name"):
            record_run(plan, name)
    assert [run.name for run in list_runs(plan.store.root)] == ["mine"]


def test_a_list_of_runs_says_how_far_they_are(make_plan: Callable[..., Plan], quiet: Console) -> None:
    plan = make_plan()
    record_run(plan, "mine")
    (row,) = describe_runs(plan.store.root)
    assert (row["stages"], row["final mIoU"], row["images"]) == ("0 of 5", "not finished", "4")
    run_stages(plan, STAGES, quiet)
    (row,) = describe_runs(plan.store.root)
    assert row["stages"] == "5 of 5"
    assert row["final mIoU"] == "no ground truth"
