"""What `import maskdistill` gives: a run, its masks and label maps, and the model that it trained."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import maskdistill
from maskdistill.data.errors import CorruptArtifact, InputError, MissingArtifact, UnreadableImage
from maskdistill.data.sources.open import open_source
from maskdistill.pipeline.apps.cli import app
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.edits import edits_path
from maskdistill.pipeline.results import StageResult


@pytest.fixture(scope="module")
def results(config_file: Path) -> dict[str, StageResult]:
    return {result.stage: result for result in maskdistill.run(config_file, quiet=True)}


@pytest.fixture(scope="module")
def artifact(config_file: Path, results: dict[str, StageResult]) -> Path:
    """Folder of the segment stage."""
    return config_file.parent / "artifacts" / "segment" / results["segment"].key


@pytest.fixture(scope="module")
def segmenter(artifact: Path) -> maskdistill.Segmenter:
    return maskdistill.Segmenter.load(artifact)


def test_a_run_gives_a_result_for_each_stage(results: dict[str, StageResult]) -> None:
    assert list(results) == ["mine", "cluster", "filter", "segment"]  # the masks are used as they were mined
    assert results["segment"].items == 6
    assert 0 <= results["segment"].scores["val"]["miou"] <= 1


def test_a_second_run_finds_all_of_it_made(config_file: Path, results: dict[str, StageResult]) -> None:
    again = maskdistill.run([str(config_file)], {"seed": 0}, quiet=True)
    assert [(result.key, result.cached) for result in again] == [(one.key, True) for one in results.values()]


def test_overrides_change_settings_and_their_stages_alone(config_file: Path, results: dict[str, StageResult]) -> None:
    changed = maskdistill.run(config_file, {"cluster.k": 3}, last="cluster", quiet=True)
    assert [result.key == results[result.stage].key for result in changed] == [True, False]
    assert changed[0].cached


def test_force_makes_a_stage_anew(config_file: Path, results: dict[str, StageResult]) -> None:
    forced = maskdistill.run(config_file, first="cluster", last="cluster", force="cluster", quiet=True)
    assert [(result.stage, result.cached) for result in forced] == [("cluster", False)]
    assert forced[0].key == results["cluster"].key


def test_a_first_stage_without_the_ones_before_it_is_refused(config_file: Path) -> None:
    with pytest.raises(MissingArtifact, match=r"(?s)--from cluster needs .* -s data\.seed=9 --to mine"):
        maskdistill.run(config_file, {"data.seed": 9}, first="cluster", quiet=True)


def test_paths_and_lists_are_settings_too(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.root: there is no folder .*nowhere"):
        maskdistill.run("images", {"data.root": tmp_path / "nowhere", "evaluate.classes": ["cat"]}, quiet=True)


@pytest.mark.parametrize("with_crf", [False, True, None])
def test_the_segmenter_predicts_what_the_run_predicted(
    config_file: Path, artifact: Path, segmenter: maskdistill.Segmenter, with_crf: bool | None
) -> None:
    store = maskdistill.LabelStore.open(f"{artifact}/predictions{'' if with_crf is False else '_crf'}.zarr")
    source = open_source(ConfigSource((config_file,)).load().data)
    for index, image_id in enumerate(store.image_ids):
        pixels = source.read(source.index(image_id))
        labels = segmenter.predict(pixels, with_crf=with_crf)
        assert labels.dtype == np.uint8
        assert np.array_equal(labels, store.read(index))


def test_the_segmenter_reads_files_of_any_size(segmenter: maskdistill.Segmenter, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (21, 50, 3), dtype=np.uint8)
    path = tmp_path / "image.png"
    Image.fromarray(pixels).save(path)
    assert segmenter.predict(path).shape == (21, 50)
    assert np.array_equal(segmenter.predict(str(path)), segmenter.predict(pixels))


def test_probabilities_are_those_of_the_labels(segmenter: maskdistill.Segmenter) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (20, 31, 3), dtype=np.uint8)
    found = segmenter.probabilities(pixels)
    assert found.shape == (3, 20, 31) and found.dtype == np.float32
    assert np.allclose(found.sum(axis=0), 1, atol=1e-5)
    assert np.array_equal(found.argmax(axis=0), segmenter.predict(pixels))


def test_many_images_of_several_sizes_keep_their_order(segmenter: maskdistill.Segmenter) -> None:
    rng = np.random.default_rng(2)
    images = [rng.integers(0, 255, (*size, 3), dtype=np.uint8) for size in [(20, 30), (31, 20), (20, 30), (20, 30)]]
    found = list(segmenter.predict_many(iter(images), batch_size=3))
    assert [labels.shape for labels in found] == [image.shape[:2] for image in images]
    for labels, image in zip(found, images, strict=True):
        assert (labels == segmenter.predict(image)).mean() > 0.99  # sums of a batch are rounded in another order
    assert list(segmenter.predict_many([])) == []


def test_colours_are_those_of_the_labels(segmenter: maskdistill.Segmenter) -> None:
    assert segmenter.n_classes == 3  # two clusters and background
    assert segmenter.colours.shape == (3, 3)
    assert segmenter.colours[0].tolist() == [0, 0, 0]
    picture = segmenter.colours[segmenter.predict(np.zeros((20, 30, 3), dtype=np.uint8))]
    assert picture.shape == (20, 30, 3)


def test_a_file_of_weights_loads_as_its_folder_does(artifact: Path) -> None:
    assert maskdistill.Segmenter.load(artifact / "segmenter.safetensors", device="cpu").n_classes == 3


def test_names_that_people_gave_the_clusters_go_with_the_model(
    artifact: Path, results: dict[str, StageResult], tmp_path: Path
) -> None:
    edits = edits_path(artifact.parents[1], results["cluster"].key)
    edits.parent.mkdir(exist_ok=True)
    edits.write_text("clusters: {names: {0: cat, 1: dog}}")
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "new.png")
    try:
        segmenter = maskdistill.Segmenter.load(artifact)
        line = ["predict", str(tmp_path / "new.png"), "--model", str(artifact), "--out", str(tmp_path / "out")]
        assert CliRunner().invoke(app, line).exit_code == 0
    finally:
        edits.unlink()
    assert segmenter.names == {0: "background", 1: "cat", 2: "dog"}
    legend = json.loads((tmp_path / "out" / "classes.json").read_text())
    assert legend
    assert legend.items() <= {str(value): name for value, name in segmenter.names.items()}.items()


@pytest.mark.parametrize(
    "image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((0, 8, 3), np.uint8)], ids=str
)
def test_what_is_no_image_is_refused(segmenter: maskdistill.Segmenter, image: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"uint8 array \(H, W, 3\)"):
        segmenter.predict(image)


def test_floats_are_no_pixels(segmenter: maskdistill.Segmenter) -> None:
    with pytest.raises(InputError, match="float64"):
        segmenter.predict(np.zeros((8, 8, 3)))  # type: ignore[arg-type]


def test_missing_and_foreign_files_are_named(segmenter: maskdistill.Segmenter, tmp_path: Path) -> None:
    with pytest.raises(MissingArtifact, match=r"segmenter\.safetensors: no weights here"):
        maskdistill.Segmenter.load(tmp_path)
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(b"nothing")
    with pytest.raises(CorruptArtifact, match=r"foreign\.safetensors"):
        maskdistill.Segmenter.load(foreign)
    with pytest.raises(UnreadableImage, match="nowhere"):
        segmenter.predict(tmp_path / "nowhere.png")


def test_every_public_name_is_there_and_listed() -> None:
    assert set(dir(maskdistill)) == set(maskdistill.__all__)
    assert all(getattr(maskdistill, name) is not None for name in maskdistill.__all__)
    assert maskdistill.__version__ == version("maskdistill")
    with pytest.raises(AttributeError, match="no attribute 'MaskStroe'"):
        maskdistill.MaskStroe  # noqa: B018


def test_python_m_is_the_command(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "maskdistill", "config", "show", "-c", "demo", "-s", "cluster.k=7"]
    result = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "  k: 7\n" in result.stdout
