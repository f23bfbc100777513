"""`mine.method: import`: what enters the key, and the command `run --from cluster` with it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from helpers.commands import maskdistill
from maskdistill.data.errors import InputError, MissingArtifact
from maskdistill.pipeline.dag import STAGES
from maskdistill.pipeline.launch import chosen_stages, run_stages
from maskdistill.pipeline.plan import Plan


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "masks.json"
    path.write_text('{"images": [], "annotations": []}')
    return path


def importing(file: Path) -> tuple[str, str]:
    return "mine.method=import", f"mine.import.file={file}"


def test_the_content_of_the_file_is_the_key_and_no_setting_of_mining(
    make_plan: Callable[..., Plan], file: Path, tmp_path: Path
) -> None:
    def key(*overrides: str) -> str:
        return make_plan(*overrides).stages["mine"].key

    imported = key(*importing(file))
    assert imported != key()
    assert imported == key(*importing(file), "mine.affinity.short_side=64", "mine.weights=pretrained", "seed=7")
    copy = tmp_path / "copy.json"
    copy.write_bytes(file.read_bytes())
    assert imported == key(*importing(copy))
    file.write_text('{"images": [], "annotations": [ ]}')
    assert imported != key(*importing(file))


def test_keys_without_import_have_no_trace_of_it(make_plan: Callable[..., Plan]) -> None:
    assert "import" not in json.dumps(make_plan().stages["mine"].ingredients)


def test_an_imported_mask_needs_no_pretrained_vit_but_its_cluster_does(
    make_plan: Callable[..., Plan], file: Path
) -> None:
    plan = make_plan("mine.weights=pretrain", *importing(file))
    assert plan.stages["mine"].inputs == ()
    assert "pretrain" in plan.stages["cluster"].inputs


def test_a_file_that_is_not_there_is_named(make_plan: Callable[..., Plan]) -> None:
    with pytest.raises(InputError, match=r"mine\.import\.file: nowhere\.json: no such file"):
        make_plan(*importing(Path("nowhere.json")))


def test_the_method_needs_its_file(make_plan: Callable[..., Plan]) -> None:
    with pytest.raises(InputError, match=r"mine\.import\.file: required by mine\.method: import"):
        make_plan("mine.method=import")


def test_the_old_way_to_say_it_is_read_with_a_note(make_plan: Callable[..., Plan], file: Path) -> None:
    with pytest.warns(UserWarning, match=r"mine\.import is mine\.import\.file now"):
        old = make_plan(f"mine.import={file}")
    assert old.stages["mine"].key == make_plan(*importing(file)).stages["mine"].key


def test_why_missing_says_that_the_method_changed(make_plan: Callable[..., Plan], file: Path, calls: list[str]) -> None:
    run_stages(make_plan(), STAGES[:1], Console(quiet=True))
    assert "mine.method: affinity -> import" in make_plan(*importing(file)).why_missing("mine")


def test_from_cluster_reads_the_file_first(make_plan: Callable[..., Plan], file: Path, calls: list[str]) -> None:
    def run(last: str, *overrides: str) -> None:
        plan = make_plan(*overrides)
        run_stages(plan, chosen_stages(plan, "cluster", last), Console(quiet=True))

    run("cluster", *importing(file))
    assert calls == ["mine", "cluster"]
    run("distill", *importing(file))
    assert calls == ["mine", "cluster", "distill"]
    with pytest.raises(MissingArtifact, match="--to mine"):
        run("cluster")


def test_exported_masks_that_are_imported_are_exported_the_same(config_file: Path, tmp_path: Path) -> None:
    def run(verb: str, *arguments: str) -> int:
        return maskdistill(config_file, tmp_path / "artifacts", verb, *arguments).returncode

    first, second = tmp_path / "first.json", tmp_path / "second.json"
    imported = [word for override in importing(first) for word in ("-s", override)]
    assert run("stage", "mine") == 0
    assert run("export", "masks", "--format", "coco", "--out", str(first)) == 0
    assert len(json.loads(first.read_text())["annotations"]) == 4
    assert run("stage", "mine", *imported) == 0
    assert run("export", "masks", *imported, "--format", "coco", "--out", str(second)) == 0
    assert second.read_bytes() == first.read_bytes()
    assert run("export", "masks", *imported, "--format", "coco", "--out", str(second)) == 2
