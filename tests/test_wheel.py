"""What is published works where no checkout is: built, installed into an environment of its own, and run."""

import zipfile
from pathlib import Path

import pytest

from helpers.fresh_install import build_wheel, copy_source, install, run
from helpers.paths import ROOT

FOREIGN = ("data", "stages", "pipeline", "configs")
"""Packages that a project of a user may well have, under the names of the folders of this checkout."""

CONFIG = """
data: {kind: scenes, n_train: 3, n_val: 1, size: 32}
mine: {model: vit_tiny_patch16_224, weights: random, affinity: {short_side: 32}}
cluster: {k: 2, max_side: 32}
filter: {masks: initial}
segment: {backbone: resnet18, output_stride: 16, crop: 32, iterations: 1, batch_size: 2}
execution: {device: cpu}
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source distribution, which in turn is built from the files of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    copy_source(folder / "source")
    return build_wheel(folder / "source", folder / "dist")


@pytest.fixture(scope="module")
def python(wheel: Path) -> Path:
    """Python of an environment that holds the wheel."""
    return install(wheel, wheel.parents[1] / "environment")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to work in, with packages that must not be imported."""
    folder = tmp_path_factory.mktemp("project")
    for name in FOREIGN:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"raise ImportError('the {name} of the user was imported')\n")
    (folder / "tiny.yaml").write_text(CONFIG)
    return folder


def test_the_wheel_holds_one_importable_name(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    version = wheel.name.split("-")[1]
    assert {name.partition("/")[0] for name in names} == {"maskdistill", f"maskdistill-{version}.dist-info"}


def test_the_wheel_holds_every_file_that_is_read_at_run_time(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for room in ("data", "stages", "pipeline", "configs"):
        files = {path for path in (ROOT / room).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
        assert {f"maskdistill/{path.relative_to(ROOT).as_posix()}" for path in files} <= names
    assert "maskdistill/py.typed" in names


def test_it_is_imported_from_where_it_was_installed(python: Path, project: Path) -> None:
    code = "import maskdistill, maskdistill.data.errors as e; print(maskdistill.__file__, e.__file__, sep='\\n')"
    for file in run([python, "-c", code], project).split():
        assert Path(file).is_relative_to(python.parents[1])


def test_the_demo_is_found_by_name_with_its_weights(python: Path, project: Path) -> None:
    shown = run([python, "-m", "maskdistill", "config", "validate", "-c", "demo"], project)
    assert shown == "demo: valid; 500 images, 400 of them for training\n"


def test_the_pipeline_runs_beside_foreign_packages(python: Path, project: Path) -> None:
    # `python -m` looks into the working folder first of all.
    printed = run([python, "-m", "maskdistill", "run", "--no-prefect", "-c", "tiny.yaml"], project)
    assert "4 label maps" in printed
    status = run([python.with_name("maskdistill"), "status", "-c", "tiny.yaml"], project)
    assert "missing" not in status
    assert status.count("cached") == 4
