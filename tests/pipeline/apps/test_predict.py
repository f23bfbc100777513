"""`maskdistill predict`: trained models on images they have not seen."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from rich.console import Console
from typer.testing import CliRunner, Result

from maskdistill.data.catalog import CANDIDATES
from maskdistill.data.config import SourceConfig
from maskdistill.data.errors import InputError, MissingArtifact
from maskdistill.pipeline.apps.cli import app
from maskdistill.pipeline.apps.export.label_pngs import png_names
from maskdistill.pipeline.apps.predict.model import MODELS
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.dag import STAGES
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan
from maskdistill.stages.contract import ExecutionConfig

CONFIG = """
data: {kind: scenes, n_train: 4, n_val: 1, size: 32, max_pixels: 5000}
mine: {model: vit_tiny_patch16_224, weights: random, affinity: {short_side: 32}}
cluster: {k: 2, max_side: 32}
distill: {backend: torchvision, backbone: resnet18, heads: slim, image_size: 32, max_size: 64, iterations: 2,
          batch_size: 2, max_candidates: 3, min_score: 0.0}
filter: {threshold: 0.5}
segment: {backbone: resnet18, output_stride: 16, crop: 32, iterations: 2, batch_size: 2}
execution: {device: cpu, batch_size: 2}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose stages have all run."""
    folder = tmp_path_factory.mktemp("trained")
    path = folder / "config.yaml"
    path.write_text(f"{CONFIG}\nartifacts: {folder / 'artifacts'}\n")
    run_stages(Plan(ConfigSource((path,))), STAGES, Console(quiet=True))
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two images of one name, a deeper one, one that is too large, and one that is none."""
    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, size_hw in {"a.png": (40, 50), "a.jpg": (30, 30), "deep/b.webp": (64, 33), "c.bmp": (100, 100)}.items():
        Image.fromarray(rng.integers(0, 255, (*size_hw, 3), dtype=np.uint8)).save(folder / name)
    (folder / "broken.jpg").write_bytes(b"no image")
    return folder


def predict(config: Path, images: Path, out: Path, *options: str) -> Result:
    line = ["predict", "-c", str(config), "--image-dir", str(images), "--out", str(out), *options]
    return CliRunner().invoke(app, line)


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_segmenter_writes_label_maps_and_goes_on_over_what_it_cannot_read(
    config: Path, images: Path, tmp_path: Path
) -> None:
    before = files_below(tmp_path)
    result = predict(config, images, tmp_path / "out", "--overlays")
    assert result.exit_code == 0, result.output
    assert "3 images predicted, 2 skipped" in result.output
    assert all(name in result.output for name in ("broken.jpg", "c.bmp"))
    names = {"a.jpg.png", "a.png.png", "deep/b.png"}
    assert files_below(tmp_path / "out") == {"classes.json", "failures.json"} | {
        f"{d}/{n}" for d in ("labels", "overlays") for n in names
    }
    with Image.open(tmp_path / "out" / "labels" / "deep" / "b.png") as picture:
        labels = np.asarray(picture)
        assert (picture.mode, labels.shape) == ("P", (64, 33))
        assert (picture.getpalette() or [])[:3] == [0, 0, 0]
    assert labels.max() <= 2
    legend = {"0": "background", "1": "cluster 0", "2": "cluster 1"}
    assert json.loads((tmp_path / "out" / "classes.json").read_text()).items() <= legend.items()
    assert set(json.loads((tmp_path / "out" / "failures.json").read_text())) == {"broken.jpg", "c.bmp"}
    assert {path for path in files_below(tmp_path) if not path.startswith("out/")} == before


def test_what_is_left_out_of_the_images_is_said(config: Path, images: Path, tmp_path: Path) -> None:
    (images / "IMG_1.HEIC").touch()
    Image.fromarray(np.full((40, 40), 900, dtype=np.uint16)).save(images / "deep.png")
    Image.fromarray(np.arange(1600, dtype=np.uint16).reshape(40, 40)).save(images / "dark.png")
    result = predict(config, images, tmp_path / "out")
    assert "left out 1 .heic files (IMG_1.HEIC)" in result.output
    assert "1 deeper than 8 bits with little of the range in use, stretched to what is (dark.png)" in result.output


def test_detector_writes_masks_and_coco(config: Path, images: Path, tmp_path: Path) -> None:
    result = predict(config, images, tmp_path / "out", "--stage", "distill", "--overlays")
    assert result.exit_code == 0, result.output
    store = CANDIDATES.open({"distill": tmp_path / "out"})
    assert store.image_ids == ("a.jpg", "a.png", "deep/b.webp")
    assert len(store)
    coco = json.loads((tmp_path / "out" / "candidates.json").read_text())
    assert [(image["file_name"], image["height"], image["width"]) for image in coco["images"]] == [
        ("a.jpg", 30, 30), ("a.png", 40, 50), ("deep/b.webp", 64, 33)]  # fmt: skip
    first = coco["annotations"][0]["segmentation"]
    assert np.array_equal(coco_mask.decode({**first, "counts": first["counts"].encode()}), store.decode(0))
    assert (tmp_path / "out" / "overlays" / "deep" / "b.png").is_file()


def test_images_are_named_one_by_one_and_in_folders(config: Path, images: Path, tmp_path: Path) -> None:
    line = ["predict", str(images / "a.png"), str(images / "deep"), "--model", str(trained(config, "segment"))]
    result = CliRunner().invoke(app, [*line, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert files_below(tmp_path / "out") == {"classes.json", "labels/a.png", "labels/deep/b.png"}
    missing = CliRunner().invoke(app, ["predict", str(images / "none.png"), "--model", line[-1]])
    assert isinstance(missing.exception, InputError) and "none.png: there is no such" in str(missing.exception)
    assert "name images" in str(CliRunner().invoke(app, ["predict", "--model", line[-1]]).exception)


def test_regions_of_label_maps_are_written_as_codes_and_as_polygons(config: Path, images: Path, tmp_path: Path) -> None:
    result = predict(config, images, tmp_path / "out", "--coco", "--polygons")
    assert result.exit_code == 0, result.output
    codes, outlines = (json.loads((tmp_path / "out" / f"{name}.json").read_text()) for name in ("coco", "polygons"))
    assert codes["images"] == outlines["images"] and len(codes["annotations"]) == len(outlines["annotations"])
    by_image = {image["id"]: image for image in codes["images"]}
    painted = {id_: np.zeros((image["height"], image["width"]), np.uint8) for id_, image in by_image.items()}
    for code, outline in zip(codes["annotations"], outlines["annotations"], strict=True):
        size = code["segmentation"]["size"]
        mask = coco_mask.decode({**code["segmentation"], "counts": code["segmentation"]["counts"].encode()})
        drawn = coco_mask.decode(coco_mask.frPyObjects(outline["segmentation"], *size)).any(axis=2)
        assert np.array_equal(mask.astype(bool), drawn)
        painted[code["image_id"]][drawn] = code["category_id"]
    for id_, labels in painted.items():
        [name] = png_names([by_image[id_]["file_name"]])
        if (path := tmp_path / "out" / "labels" / name).is_file():  # the two images called `a` have longer names
            with Image.open(path) as picture:
                assert np.array_equal(np.asarray(picture), labels)


def test_a_prediction_is_replaced_only_by_force_and_nothing_else_is(config: Path, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert predict(config, images, out, "--stage", "distill").exit_code == 0
    (out / "mine.txt").write_text("a user's own")
    refused = predict(config, images, out)
    assert isinstance(refused.exception, InputError) and "--force" in str(refused.exception)
    assert predict(config, images, out, "--force").exit_code == 0
    assert {path.name for path in out.iterdir()} == {"labels", "classes.json", "failures.json", "mine.txt"}


@pytest.mark.parametrize(
    ("options", "image_dir", "error", "message"),
    [
        (("--stage", "mine"), "images", InputError, "one of distill, segment"),
        ((), "nowhere", InputError, "no such folder"),
        ((), "empty", InputError, "no images in it"),
        (("-s", "segment.iterations=3"), "images", MissingArtifact, "--to segment"),
        ((), "broken", InputError, "not one image"),
    ],
)
def test_errors_are_readable(
    config: Path,
    images: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    image_dir: str,
    error: type[Exception],
    message: str,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (images / "broken.jpg").rename(tmp_path / "broken" / "broken.jpg")
    result = predict(config, tmp_path / image_dir, tmp_path / "out", *options)
    assert isinstance(result.exception, error) and message in str(result.exception)


def trained(config: Path, stage: str) -> Path:
    """The file of a model that the configuration has trained."""
    plan = Plan(ConfigSource((config,)))
    return plan.path(stage) / MODELS[stage].file


@pytest.mark.parametrize("stage", ["segment", "distill"])
@pytest.mark.parametrize("named", ["file", "folder", "key", "a file of another name"])
def test_a_model_is_enough(
    config: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, named: str
) -> None:
    file = trained(config, stage)
    monkeypatch.chdir(config.parent)  # keys are looked up in ./artifacts
    shutil.copy(file, tmp_path / "model.safetensors")
    names = {"file": file, "folder": file.parent, "key": file.parent.name, "a file of another name": tmp_path / "model"}
    name = str(names[named]) + (".safetensors" if named == "a file of another name" else "")
    line = ["predict", "--model", name, "--image-dir", str(images), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / ("labels" if stage == "segment" else "candidates.json")).exists()
    # A file says nothing of how many images go at once, with which sums differ, nor of the largest image.
    usual = (f"execution.batch_size={ExecutionConfig().batch_size}", f"data.max_pixels={SourceConfig().max_pixels}")
    options = ("--stage", stage, *(word for setting in usual for word in ("-s", setting)))
    assert predict(config, images, tmp_path / "again", *options).exit_code == 0
    assert {n: (tmp_path / "out" / n).read_bytes() for n in files_below(tmp_path / "out")} == {
        n: (tmp_path / "again" / n).read_bytes() for n in files_below(tmp_path / "again")
    }


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        ("nowhere.safetensors", (), InputError, r"--model nowhere\.safetensors: there is no such file; name a segm"),
        ("abcdef", (), InputError, "--model abcdef: no finished artifact in"),
        ("images", (), InputError, "no finished artifact; name a folder"),
        ("segment", ("--stage", "distill"), InputError, "a model of segment, and --stage distill was asked for"),
        ("a.jpg", (), InputError, r"--model .*a\.jpg: not the weights of a maskdistill model.*name a segmenter"),
    ],
)
def test_what_is_no_model_is_named(
    config: Path, images: Path, tmp_path: Path, model: str, options: tuple[str, ...], error: type[Exception],
    message: str,
) -> None:  # fmt: skip
    places = {"images": images, "segment": trained(config, "segment"), "a.jpg": images / "a.jpg"}
    line = ["predict", "--model", str(places.get(model, model)), *options]
    result = CliRunner().invoke(app, [*line, "--image-dir", str(images), "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, error) and re.search(message, str(result.exception)), result.exception


def test_a_model_is_exported_with_what_is_known_of_its_run(config: Path, tmp_path: Path) -> None:
    line = ["export", "model", "--format", "torchscript", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*line, "-c", str(config)])
    assert result.exit_code == 0, result.output
    card = json.loads((tmp_path / "out" / "model.json").read_text())
    assert (card["data"]["images"], card["data"]["training_images"]) == (5, 4)
    assert 0 <= card["scores"]["val"]["miou"] <= 1
    assert card["weights"] == [
        {
            "setting": "mine.weights",
            "network": "vit_tiny_patch16_224",
            "from": "random numbers",
            "licence": "none needed",
        }
    ]
    by_file = CliRunner().invoke(app, [*line, "--force", "--artifact", str(trained(config, "segment"))])
    assert by_file.exit_code == 0, by_file.output
    assert json.loads((tmp_path / "out" / "model.json").read_text())["scores"] == card["scores"]
