"""`mine.import`: what enters the key, and the command `run --from cluster -s mine.import=FILE`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps import cli
from maskdistill.pipeline.dag import STAGES
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "masks.json"
    path.write_text('{"images": [], "annotations": []}')
    return path


def maskdistill(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["maskdistill", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


def test_the_content_of_the_file_is_the_key_and_no_setting_of_mining(
    make_plan: Callable[..., Plan], file: Path, tmp_path: Path
) -> None:
    def key(*overrides: str) -> str:
        return make_plan(*overrides).stages["mine"].key

    imported = key(f"mine.import={file}")
    assert imported != key()
    assert imported == key(f"mine.import={file}", "mine.short_side=64", "mine.weights=pretrained", "seed=7")
    copy = tmp_path / "copy.json"
    copy.write_bytes(file.read_bytes())
    assert imported == key(f"mine.import={copy}")
    file.write_text('{"images": [], "annotations": [ ]}')
    assert imported != key(f"mine.import={file}")


def test_keys_without_import_have_no_trace_of_it(make_plan: Callable[..., Plan]) -> None:
    assert "import" not in json.dumps(make_plan().stages["mine"].ingredients)


def test_an_imported_mask_needs_no_pretrained_vit_but_its_cluster_does(
    make_plan: Callable[..., Plan], file: Path
) -> None:
    plan = make_plan("mine.weights=pretrain", f"mine.import={file}")
    assert plan.stages["mine"].inputs == ()
    assert "pretrain" in plan.stages["cluster"].inputs


def test_a_file_that_is_not_there_is_named(make_plan: Callable[..., Plan]) -> None:
    with pytest.raises(InputError, match=r"mine\.import: nowhere\.json: no such file"):
        make_plan("mine.import=nowhere.json")


def test_only_the_name_import_is_a_field(make_plan: Callable[..., Plan]) -> None:
    with pytest.raises(InputError, match=r"mine\.import_from: no such field; did you mean mine\.import\?"):
        make_plan("mine.import_from=x.json")


def test_why_missing_says_import_and_not_every_setting(
    make_plan: Callable[..., Plan], file: Path, calls: list[str]
) -> None:
    run_stages(make_plan(), STAGES[:1], Console(quiet=True))
    assert make_plan(f"mine.import={file}").why_missing("mine") == "import changed"


def test_from_cluster_reads_the_file_first(
    monkeypatch: pytest.MonkeyPatch, config_file: Path, file: Path, calls: list[str]
) -> None:
    options = ["-c", str(config_file), "-s", f"mine.import={file}", "--no-prefect"]
    assert maskdistill(monkeypatch, "run", *options, "--from", "cluster", "--to", "cluster") == 0
    assert calls == ["mine", "cluster"]
    assert maskdistill(monkeypatch, "run", *options, "--from", "cluster", "--to", "distill") == 0
    assert calls == ["mine", "cluster", "distill"]
    assert maskdistill(monkeypatch, "run", "-c", str(config_file), "--no-prefect", "--from", "cluster") == 3


def test_config_show_calls_it_import(
    monkeypatch: pytest.MonkeyPatch, config_file: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert maskdistill(monkeypatch, "config", "show", "-c", str(config_file), "-s", f"mine.import={file}") == 0
    shown = capsys.readouterr().out
    assert f"  import: {file}\n" in shown
    assert "import_from" not in shown


def test_exported_masks_that_are_imported_are_exported_the_same(
    monkeypatch: pytest.MonkeyPatch, config_file: Path, tmp_path: Path
) -> None:
    options = ["-c", str(config_file), "-s", "mine.short_side=32"]
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    assert maskdistill(monkeypatch, "stage", "mine", *options) == 0
    assert maskdistill(monkeypatch, "export", "masks", *options, "--format", "coco", "--out", str(first)) == 0
    assert len(json.loads(first.read_text())["annotations"]) == 4
    imported = [*options, "-s", f"mine.import={first}"]
    assert maskdistill(monkeypatch, "stage", "mine", *imported) == 0
    assert maskdistill(monkeypatch, "export", "masks", *imported, "--format", "coco", "--out", str(second)) == 0
    assert second.read_bytes() == first.read_bytes()
    assert maskdistill(monkeypatch, "export", "masks", *imported, "--format", "coco", "--out", str(second)) == 2
