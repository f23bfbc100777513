"""Two machines, that is two artifact folders, with one store: what one has made, the other one fetches."""

import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from content_hashes import content_hashes
from rich.console import Console

from helpers.fault_stages import fault_plan, write_config
from helpers.flaky_files import FlakyFiles
from maskdistill.data.errors import CorruptArtifact, InputError, MaskDistillError, MissingArtifact
from maskdistill.pipeline.dag import STAGE_NAMES, STAGES
from maskdistill.pipeline.launch import chosen_stages, run_stages
from maskdistill.pipeline.manifest import MANIFEST, read_manifest, record_files, write_manifest
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.remote.bucket import Bucket
from maskdistill.pipeline.remote.store import RemoteStore
from maskdistill.pipeline.runner import run_stage
from maskdistill.pipeline.upkeep.status import collect_status

Machine = Callable[..., Plan]


@pytest.fixture
def machine(make_plan: Callable[..., Plan], tmp_path: Path) -> Machine:
    """The plan of a machine, by its name; all have one store, and none a common artifact folder."""
    return lambda name, *more: make_plan(
        f"artifacts={tmp_path / name}", f"execution.store=file://{tmp_path}/store", *more
    )


def stored(plan: Plan, tmp_path: Path, stage: str) -> Path:
    """Where the artifact of a stage lies in the store."""
    return tmp_path / "store" / stage / plan.stages[stage].key


def stored_file(plan: Plan, tmp_path: Path) -> Path:
    """What `mine` has written, in the store."""
    [path] = stored(plan, tmp_path, "mine").glob("*/out.txt")
    return path


def test_the_second_machine_makes_nothing_and_has_the_same(tmp_path: Path, quiet: Console) -> None:
    config, store = write_config(tmp_path), f"execution.store=file://{tmp_path}/store"
    here = fault_plan(config, store, f"artifacts={tmp_path / 'here'}")
    run_stages(here, STAGES, quiet)
    there = fault_plan(config, store, f"artifacts={tmp_path / 'there'}")
    states = [(row["state"], row["why"]) for row in collect_status(there, ask_store=True)]
    assert states == [("in the store", "the next run fetches it")] * 5
    results = run_stages(there, STAGES, quiet)
    assert all(result.cached for result in results)
    assert content_hashes(tmp_path / "there") == content_hashes(tmp_path / "here")
    assert [there.manifest(name) for name in STAGE_NAMES] == [here.manifest(name) for name in STAGE_NAMES]
    assert not list((tmp_path / "store").rglob("*.lease"))


def test_it_is_part_of_no_key(machine: Machine, make_plan: Callable[..., Plan]) -> None:
    assert {name: one.key for name, one in machine("here").stages.items()} == {
        name: one.key for name, one in make_plan().stages.items()
    }


def test_one_stage_finds_all_that_it_needs(machine: Machine, calls: list[str], quiet: Console) -> None:
    run_stages(machine("here"), STAGES[:3], quiet)
    there = machine("there")
    assert [spec.name for spec in chosen_stages(there, "filter", "filter")] == ["filter"]
    run_stage(there, "filter", quiet)
    assert calls == ["mine", "cluster", "distill", "filter"]
    with pytest.raises(MissingArtifact, match="--to filter"):
        chosen_stages(machine("elsewhere", "filter.threshold=0.8"), "segment", "segment")


def test_what_was_made_before_is_copied_by_the_next_run(
    machine: Machine, make_plan: Callable[..., Plan], tmp_path: Path, calls: list[str], quiet: Console
) -> None:
    run_stages(make_plan(f"artifacts={tmp_path / 'here'}"), STAGES, quiet)
    run_stages(machine("here"), STAGES, quiet)
    run_stages(machine("there"), STAGES, quiet)
    assert calls == list(STAGE_NAMES)


def test_a_copying_that_ends_anywhere_is_no_artifact_and_goes_on(machine: Machine, quiet: Console) -> None:
    plan, fs = machine("here"), FlakyFiles()
    manifest = run_stage(plan, "mine", quiet)
    store = RemoteStore(Bucket("memory://b", fs, "/b", pause=0))
    for step in range(3):  # it reads the manifest that is there, copies the one file, and writes the manifest
        fs.errors = [*[None] * step, OSError("cut off")]
        with pytest.raises(MaskDistillError, match="cut off"):
            store.publish(plan.path("mine"), manifest, lambda name, size: None, anew=False)
        assert store.manifest("mine", manifest.key) is None
    store.publish(plan.path("mine"), manifest, lambda name, size: None, anew=False)
    assert store.manifest("mine", manifest.key) == manifest
    assert fs.written == ["out.txt", MANIFEST]


def test_a_fetching_that_was_killed_begins_anew(machine: Machine, calls: list[str], quiet: Console) -> None:
    _ran(machine, quiet)
    there = machine("there")
    unfinished, half = there.path("mine"), there.store.new_path("mine", there.stages["mine"].key)
    for folder in (unfinished, half):  # and a stage that was killed before that
        folder.mkdir(parents=True)
        (folder / "half.txt").write_text("ha")
    run_stage(there, "mine", quiet)
    assert calls == ["mine"]
    assert sorted(path.name for path in unfinished.iterdir()) == [MANIFEST, "out.txt"]
    assert not half.exists()


@pytest.mark.parametrize(
    ("content", "text"),
    [("MINE", "its content is not what the manifest says"), ("more", None), ("longer", "6 bytes, the manifest says 4")],
)
def test_a_damaged_object_is_refused_until_it_is_made_anew(
    machine: Machine, tmp_path: Path, calls: list[str], quiet: Console, content: str, text: str | None
) -> None:
    file = stored_file(_ran(machine, quiet), tmp_path)
    file.unlink() if text is None else file.write_text(content)
    there = machine("there")
    with pytest.raises(CorruptArtifact, match=rf"file://.*/out\.txt: {text or 'missing'}[\s\S]*stage mine --force"):
        run_stage(there, "mine", quiet)
    assert not there.path("mine").exists()
    assert not there.store.new_path("mine", there.stages["mine"].key).exists()
    run_stage(there, "mine", quiet, force=True)
    run_stage(machine("elsewhere"), "mine", quiet)
    assert calls == ["mine", "mine"]


def _ran(machine: Machine, quiet: Console) -> Plan:
    plan = machine("here")
    run_stage(plan, "mine", quiet)
    return plan


def test_a_damaged_manifest_is_refused_and_replaced_by_who_has_it(
    machine: Machine, tmp_path: Path, calls: list[str], quiet: Console
) -> None:
    path = stored(_ran(machine, quiet), tmp_path, "mine") / MANIFEST
    path.write_text(path.read_text().replace('"items": 1', '"items": 2'))
    with pytest.raises(CorruptArtifact, match=r"file://.*manifest\.json: its content is not what was written"):
        run_stage(machine("there"), "mine", quiet)
    run_stage(machine("here"), "mine", quiet)
    run_stage(machine("there"), "mine", quiet)
    assert calls == ["mine"]


@pytest.mark.parametrize(
    "name", ["../out.txt", "/tmp/out.txt", "a/../../out.txt", MANIFEST, ".seals/a.json", "./out.txt"]
)
def test_names_that_lead_elsewhere_are_refused(machine: Machine, tmp_path: Path, quiet: Console, name: str) -> None:
    folder = stored(_ran(machine, quiet), tmp_path, "mine")
    manifest = read_manifest(folder)
    assert manifest is not None
    write_manifest(folder, manifest.model_copy(update={"files": {name: manifest.files["out.txt"]}}))
    with pytest.raises(CorruptArtifact, match="a name that"):
        run_stage(machine("there"), "mine", quiet)
    assert not list((tmp_path / "there").rglob("*.txt"))


def test_links_are_not_followed(machine: Machine, tmp_path: Path, quiet: Console) -> None:
    file = stored_file(_ran(machine, quiet), tmp_path)
    (tmp_path / "other.txt").write_text(file.read_text())
    file.unlink()
    file.symlink_to(tmp_path / "other.txt")
    with pytest.raises(CorruptArtifact, match="missing, or a link"):
        run_stage(machine("there"), "mine", quiet)


def test_an_artifact_under_another_name_is_refused(machine: Machine, tmp_path: Path, quiet: Console) -> None:
    here, other = _ran(machine, quiet), machine("there", "mine.affinity.short_side=64")
    stored(here, tmp_path, "mine").rename(stored(other, tmp_path, "mine"))
    with pytest.raises(CorruptArtifact, match="is that of another artifact"):
        run_stage(other, "mine", quiet)


def test_one_machine_waits_for_another(machine: Machine, calls: list[str], quiet: Console) -> None:
    here, there = machine("here"), machine("there")
    assert here.remote is not None
    lease = here.remote.lease("mine", here.stages["mine"].key)
    assert lease.take()
    said = StringIO()
    waiting = threading.Thread(target=run_stage, args=(there, "mine", Console(file=said)))
    waiting.start()
    while "waiting for it" not in said.getvalue() and waiting.is_alive():
        waiting.join(0.01)
    manifest = run_stage(machine("nowhere", "execution.store=null"), "mine", quiet)
    here.remote.publish(machine("nowhere").path("mine"), manifest, lambda name, size: None, anew=False)
    lease.close()
    waiting.join()
    assert calls == ["mine"]
    assert there.manifest("mine") == manifest
    assert "fetched from" in said.getvalue()


def test_a_new_artifact_takes_the_place_of_the_old_one(machine: Machine, tmp_path: Path, quiet: Console) -> None:
    here = _ran(machine, quiet)
    store, old, folder = here.remote, here.manifest("mine"), tmp_path / "new"
    assert store is not None
    assert old is not None
    folder.mkdir()
    (folder / "out.txt").write_text("other")
    new = old.model_copy(update={"files": record_files(folder)})
    write_manifest(folder, new)
    store.publish(folder, new, lambda name, size: None, anew=True)
    assert stored_file(here, tmp_path).read_text() == "other"
    # One that was about to fetch the old one gets the new one.
    assert store.fetch(old, tmp_path / "fetched", lambda name, size: None) == new
    assert (tmp_path / "fetched" / "out.txt").read_text() == "other"


@pytest.mark.parametrize("url", ["bucket/folder", "s3://", "s3:///", "/srv/store", "ftp://me:secret@host/folder"])
def test_what_is_no_url_is_told_with_the_configuration(make_plan: Callable[..., Plan], url: str) -> None:
    with pytest.raises(InputError, match=r"execution\.store: (must be a URL such as s3://|may hold no password)"):
        make_plan(f"execution.store={url}")
