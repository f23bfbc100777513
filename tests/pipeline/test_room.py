"""A stage that the disk cannot hold is refused before it begins."""

from collections.abc import Callable

import pytest
from rich.console import Console

from maskdistill.data.errors import InputError
from maskdistill.pipeline.manifest import FileRecord, write_manifest
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.room import estimate_room
from maskdistill.pipeline.runner import run_stage

GB = 1 << 30


@pytest.fixture
def before(make_plan: Callable[..., Plan], quiet: Console) -> Plan:
    """A run of other settings whose mining took 2 GiB and an hour."""
    plan = make_plan("mine.method=otsu")
    made = run_stage(plan, "mine", quiet)
    files = {"out.txt": FileRecord(size=2 * GB, sha256="")}
    write_manifest(plan.path("mine"), made.model_copy(update={"seconds": 3600.0, "files": files}))
    return plan


def test_what_the_last_one_took_is_said_and_has_to_be_there(make_plan: Callable[..., Plan], before: Plan) -> None:
    plan, folder = make_plan(), before.store.root
    said = estimate_room(plan, "mine", folder, lambda path: 3 * GB)
    assert said is not None
    assert "about 2.0 GiB and 1 h 00 min" in said
    with pytest.raises(InputError, match=r"mine needs about 2\.0 GiB, and the disk has only 1\.0 GiB left"):
        estimate_room(plan, "mine", folder, lambda path: GB)


def test_twice_as_many_images_take_twice_as_much(make_plan: Callable[..., Plan], before: Plan) -> None:
    said = estimate_room(make_plan("data.first=2"), "mine", before.store.root, lambda path: 3 * GB)
    assert said is not None
    assert "1.0 GiB and 30 min" in said


def test_a_first_stage_needs_a_little(make_plan: Callable[..., Plan], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("artifacts")
    assert estimate_room(make_plan(), "mine", folder, lambda path: GB) is None
    with pytest.raises(InputError, match="has only 0 B left"):
        estimate_room(make_plan(), "mine", folder, lambda path: 0)
