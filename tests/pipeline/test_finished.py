"""Results are there for good, whatever becomes of the images that they were made from."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from helpers.recorded_stages import RecordedStages
from helpers.sources import write_image
from maskdistill.data.errors import InputError, MissingArtifact, UnreadableImage
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.dag import STAGE_NAMES, STAGES
from maskdistill.pipeline.finished import FinishedPlan, open_artifact
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.upkeep.gc import find_garbage, remove_garbage


@pytest.fixture
def made(make_plan: Callable[..., Plan], quiet: Console) -> Plan:
    """A run over four photos, finished."""
    plan = make_plan()
    run_stages(plan, STAGES, quiet)
    return plan


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return tmp_path / "photos"


@pytest.fixture
def finished(config_file: Path, recorded: RecordedStages) -> Callable[..., FinishedPlan]:
    """Opens the results of the configuration, settings changed as given."""
    return lambda stage=None, *overrides: FinishedPlan(
        ConfigSource((config_file,), tuple(overrides)), stage, recorded.specs
    )


def remove(photos: Path) -> None:
    (photos / "photo3.png").unlink()


def touch(photos: Path) -> None:
    (photos / "photo3.png").touch()


def add(photos: Path) -> None:
    write_image(photos / "new.png")


def copy(photos: Path) -> None:
    shutil.copytree(photos, photos.with_name("copy"), copy_function=shutil.copyfile)
    shutil.rmtree(photos)
    photos.with_name("copy").rename(photos)


def move(photos: Path) -> None:
    photos.rename(photos.with_name("elsewhere"))


CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "gone": (remove, "of its 4 images 1 are gone and 0 have changed; 0 are new"),
    "touched": (touch, "of its 4 images 0 are gone and 1 have changed; 0 are new"),
    "new": (add, "of its 4 images 0 are gone and 0 have changed; 1 are new"),
    "copied": (copy, "of its 4 images 0 are gone and 4 have changed; 0 are new"),
    "moved": (move, r"its images cannot be found any more \(data\.root: there is no folder"),
}


@pytest.mark.parametrize("stage", [None, "segment", "mine"])
@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES.keys())
def test_the_last_run_is_found_and_what_changed_is_said(
    made: Plan, photos: Path, finished: Callable[..., FinishedPlan], change: Callable[[Path], None], said: str,
    stage: str | None,
) -> None:  # fmt: skip
    change(photos)
    with pytest.warns(UserWarning, match=said):
        plan = finished(stage)
    for name in ("mine",) if stage == "mine" else STAGE_NAMES:
        assert plan.path(name) == made.path(name)
        assert plan.require(name, "a test") == made.path(name)
    assert tuple(plan.source.ids) == tuple(made.source.ids)


def test_images_that_are_left_can_be_seen(made: Plan, photos: Path, finished: Callable[..., FinishedPlan]) -> None:
    remove(photos)
    with pytest.warns(UserWarning, match="1 are gone"):
        source = finished().source
    assert source.read(0).shape == (32, 32, 3)
    assert (source.file(0), source.file(3)) == (photos / "photo0.png", None)
    with pytest.raises(UnreadableImage, match=r"photo3\.png is not there any more"):
        source.read(3)


def test_nothing_is_said_where_nothing_changed(made: Plan, finished: Callable[..., FinishedPlan]) -> None:
    assert [finished("segment").path(name) for name in STAGE_NAMES] == [made.path(name) for name in STAGE_NAMES]


def test_a_run_with_other_settings_is_not_the_last_one(
    made: Plan, photos: Path, finished: Callable[..., FinishedPlan]
) -> None:
    remove(photos)
    with pytest.raises(MissingArtifact, match="--to segment"):
        finished("segment", "cluster.k=3").require("segment", "a test")
    with pytest.warns(UserWarning, match="1 are gone"):
        assert finished("mine", "cluster.k=3").path("mine") == made.path("mine")


def test_a_run_over_the_images_as_they_are_now_wins(
    made: Plan, photos: Path, finished: Callable[..., FinishedPlan], make_plan: Callable[..., Plan], quiet: Console
) -> None:
    remove(photos)
    again = make_plan()
    run_stages(again, STAGES[:1], quiet)
    assert finished().path("mine") == again.path("mine") != made.path("mine")
    with pytest.warns(UserWarning, match="1 are gone"):
        assert finished("segment").path("segment") == made.path("segment")


def test_a_run_still_asks_for_what_belongs_to_the_images_of_now(
    made: Plan, photos: Path, make_plan: Callable[..., Plan]
) -> None:
    remove(photos)
    with pytest.raises(MissingArtifact, match="--to segment"):
        make_plan().require("segment", "a test")


@pytest.mark.parametrize("name_of", [lambda plan: plan.stages["segment"].key, lambda plan: plan.path("segment")])
def test_an_artifact_is_named_by_key_or_folder(
    made: Plan, photos: Path, recorded: RecordedStages, name_of: Callable[[Plan], object]
) -> None:
    move(photos)
    folder, manifest = open_artifact(str(name_of(made)), made.store, ("segment",), "--artifact")
    assert folder == made.path("segment")
    with pytest.warns(UserWarning, match="cannot be found"):
        plan = FinishedPlan.of_artifact(folder, manifest)
    assert plan.path("mine") == made.path("mine")
    assert plan.config.cluster == made.config.cluster


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("0000000000000000", InputError, r"--model 0000000000000000: no finished artifact in .* has a key"),
        ("", InputError, "no finished artifact"),
        ("folder", InputError, r"--model .*: no finished artifact; name a folder"),
        ("mine", InputError, "an artifact of mine; one of segment is needed"),
    ],
)
def test_what_is_no_such_artifact_is_named(
    made: Plan, tmp_path: Path, name: str, error: type[Exception], message: str
) -> None:
    (tmp_path / "folder").mkdir()
    typed = {"folder": str(tmp_path / "folder"), "mine": made.stages["mine"].key}.get(name, name)
    with pytest.raises(error, match=message):
        open_artifact(typed, made.store, ("segment",), "--model")


def test_results_of_a_version_that_wrote_no_record_are_found_too(
    made: Plan, photos: Path, finished: Callable[..., FinishedPlan]
) -> None:
    shutil.rmtree(made.store.root / "images")
    remove(photos)
    with pytest.warns(UserWarning, match="its images have changed since"):
        assert finished("segment").path("mine") == made.path("mine")


def test_lists_of_images_are_deleted_with_the_last_artifact_of_them(
    made: Plan, photos: Path, make_plan: Callable[..., Plan], quiet: Console
) -> None:
    remove(photos)
    again = make_plan()
    run_stages(again, STAGES[:1], quiet)
    records = made.store.root / "images"
    assert len(list(records.iterdir())) == 2
    remove_garbage(again, find_garbage(again))
    assert len(list(records.iterdir())) == 1
