"""Commands and exit codes, on bad input above all."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from helpers.drawn_stages import StageFunction, drawn_stage
from maskdistill.pipeline.dag import STAGE_NAMES, STAGES
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.progress import Progress

Invoke = Callable[..., int]


def test_run_prints_the_stages(invoke: Invoke, calls: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke("run", "--no-prefect") == 0
    output = capsys.readouterr().out
    assert all(name in output for name in STAGE_NAMES)
    assert "no ground truth" in output
    picture = next(Path(line.removeprefix("picture: ")) for line in output.splitlines() if line.startswith("picture: "))
    assert picture.is_file()
    picture.unlink()
    assert invoke("run", "--no-prefect") == 0
    assert picture.is_file()


def test_run_slices(invoke: Invoke, calls: list[str]) -> None:
    assert invoke("run", "--no-prefect", "--to", "cluster") == 0
    assert calls == ["mine", "cluster"]
    assert invoke("run", "--no-prefect", "--from", "distill", "--to", "filter") == 0
    assert calls == ["mine", "cluster", "distill", "filter"]
    assert invoke("stage", "segment") == 0
    assert calls == list(STAGE_NAMES)


def test_a_slice_needs_what_comes_before_it(
    invoke: Invoke, calls: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke("run", "--no-prefect", "--from", "filter") == 3
    assert "--to distill" in capsys.readouterr().err
    assert invoke("stage", "filter") == 3
    assert invoke("inspect", "masks") == 3
    assert calls == []


def test_dry_run_does_nothing(invoke: Invoke, calls: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke("run", "--dry-run") == 0
    output = capsys.readouterr().out
    assert output.count("would run (never made)") == len(STAGE_NAMES)
    assert calls == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "-s", "cluster.kk=3"], "cluster.kk: no such field; did you mean cluster.k?"),
        (["run", "--from", "miine"], "miine: no such stage; the stages are mine, cluster"),
        (["run", "--from", "segment", "--to", "mine"], "segment comes after mine"),
        (["run", "--force", "everything"], "everything: no such stage"),
        (["stage", "evaluate"], "evaluate: no such stage"),
        (["inspect", "mask"], "inspect mask: one of masks, clusters"),
        (["inspect", "masks", "--image", "x"], "--image ID and --out FILE.png go together"),
        (["inspect", "masks", "--k", "2-3"], "inspect masks: --k goes with inspect clusters"),
        (["inspect", "clusters", "--k", "five"], "--k five: give the first and the last number of clusters"),
        (["report", "--k", "30"], "--k 30: give the first and the last number of clusters"),
        (["status", "-s", "data.kind=folder", "-s", "data.root=nowhere"], "data.root"),
    ],
)
def test_bad_usage_is_exit_code_2(
    invoke: Invoke, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert invoke(*arguments) == 2
    assert expected in " ".join(capsys.readouterr().err.split())


def test_unknown_option_is_exit_code_2(invoke: Invoke) -> None:
    assert invoke("run", "--colour") == 2


def test_status_as_json(
    invoke: Invoke, calls: list[str], capsys: pytest.CaptureFixture[str], make_plan: Callable[..., Plan]
) -> None:
    run_stages(make_plan(), STAGES[:1], Console(quiet=True))
    assert invoke("status", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["state"] for row in rows] == ["cached", "missing", "missing", "missing", "missing"]


def test_config_show_is_a_configuration(
    invoke: Invoke, capsys: pytest.CaptureFixture[str], config_file: Path, make_plan: Callable[..., Plan]
) -> None:
    keys = [planned.key for planned in make_plan().stages.values()]
    assert invoke("config", "show") == 0
    config_file.write_text(capsys.readouterr().out)
    assert [planned.key for planned in make_plan().stages.values()] == keys


def test_config_validate_counts_images(invoke: Invoke, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke("config", "validate") == 0
    assert "6 images, 4 of them for training" in capsys.readouterr().out


def test_gc_lists_first_and_deletes_on_demand(
    invoke: Invoke, calls: list[str], make_plan: Callable[..., Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_plan("filter.threshold=0.1")
    run_stages(other, STAGES, Console(quiet=True))
    assert invoke("gc") == 0
    assert "to delete" in capsys.readouterr().out
    assert other.path("filter").exists()
    assert invoke("gc", "--yes") == 0
    assert not other.path("filter").exists()
    assert other.path("distill").exists()


def photo(seed: int, size: int = 48) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    for i in range(3):
        photo(i).save(folder / f"{i}.jpg")
    return folder


def mine(invoke: Invoke, folder: Path, *overrides: str) -> int:
    settings = ["data.kind=folder", f"data.root={folder}", "mine.affinity.short_side=32", *overrides]
    # The scenes' own fields do not fit a folder, so the test's file is left out.
    path = folder.parent / "mine.yaml"
    path.write_text(f"mine: {{model: vit_tiny_patch16_224, weights: random}}\nartifacts: {folder.parent / 'made'}")
    options = [part for setting in settings for part in ("-s", setting)]
    return invoke("stage", "mine", "-c", str(path), *options, config=False)


def test_mixed_formats_are_mined(invoke: Invoke, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo(7).convert("CMYK").save(photos / "cmyk.jpg")
    photo(8, size=1).save(photos / "dot.png")
    assert mine(invoke, photos) == 0
    assert "5 masks" in capsys.readouterr().out


def test_too_many_broken_images_stop_the_stage(
    invoke: Invoke, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "broken.jpg").write_bytes((photos / "0.jpg").read_bytes()[:500])
    (photos / "text.jpg").write_text("not an image")
    assert mine(invoke, photos) == 2
    error = capsys.readouterr().err
    assert "broken.jpg" in error
    assert "text.jpg" in error
    assert "max_failure_rate" in error


def test_tolerated_broken_images_are_skipped_and_recorded(
    invoke: Invoke, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "text.jpg").write_text("not an image")
    assert mine(invoke, photos, "data.max_failure_rate=0.5") == 0
    assert "3 masks, 1 skipped" in " ".join(capsys.readouterr().out.split())
    (manifest,) = (photos.parent / "made" / "mine").glob("*/manifest.json")
    assert list(json.loads(manifest.read_text())["failures"]) == ["text.jpg"]


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_missing_and_empty_folders_are_named(
    invoke: Invoke, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "empty").mkdir()
    assert mine(invoke, tmp_path / name) == 2
    error = capsys.readouterr().err
    assert name in error
    assert "data.root" in error


@pytest.mark.parametrize(("category", "place"), [(UserWarning, False), (FutureWarning, True)])
def test_a_warning_is_shown_and_stops_nothing(
    invoke: Invoke,
    use_stages: Callable[[Callable[[str], StageFunction]], None],
    capsys: pytest.CaptureFixture[str],
    category: type[Warning],
    place: bool,
) -> None:
    """Those for users without the place in the code, all others with it."""

    def warn(config: Any, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
        warnings.warn("mind this", category, stacklevel=1)
        return drawn_stage("mine")(config, inputs, workdir, progress)

    use_stages(lambda name: warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert invoke("stage", "mine") == 0
    shown = capsys.readouterr().err
    assert "mind this" in shown
    assert ("test_cli.py" in shown) == place
