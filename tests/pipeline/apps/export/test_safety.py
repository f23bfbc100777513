"""Exports: what is never overwritten, what is refused, and that nothing is left half written."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helpers.interruption import StopAfter
from maskdistill.data.catalog import PSEUDO_LABELS
from maskdistill.data.errors import InputError
from maskdistill.data.stores.labels import write_labels
from maskdistill.pipeline.apps.export.formats import LABEL_FORMATS, MASK_FORMATS, export_stage
from maskdistill.pipeline.apps.export.label_pngs import distinct_png_names
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.stages.progress import Silent

Export = Callable[..., Path]


def test_images_that_differ_in_their_suffix_alone_cannot_be_pngs() -> None:
    with pytest.raises(InputError, match=r"a\.jpg and a\.png would both be written as a\.png"):
        distinct_png_names(("a.jpg", "a.png"))


def test_an_id_that_climbs_writes_nothing(run: Run, tmp_path: Path) -> None:
    maps = [("../../evil.jpg", np.zeros((4, 5), dtype=np.uint8))]
    write_labels(run.plan.path("filter") / PSEUDO_LABELS.file, maps)
    with pytest.raises(InputError, match=r"evil\.png.*is not a plain path"):
        export_stage(run, "filter", "png", tmp_path / "x/y/out", Silent(), force=False)
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("kind", [*MASK_FORMATS, *LABEL_FORMATS])
def test_nothing_is_overwritten_without_force(export: Export, tmp_path: Path, kind: str) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="it is there already; name another, or add --force"):
        export(kind)
    assert (tmp_path / "out").read_text() == "mine"


def test_force_replaces_files_and_own_folders_but_no_folder_of_others(export: Export, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    assert export("csv", force=True).read_text().startswith("image_id")
    assert export("png", force=True).is_dir()
    assert export("torchvision", force=True).joinpath("index.json").is_file()
    assert not (tmp_path / "out/empty.png").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/thesis.tex").write_text("years")
    with pytest.raises(InputError, match="replaces no folder that an export did not write"):
        export("png", "other", force=True)
    assert (tmp_path / "other/thesis.tex").exists()


def test_a_failed_export_leaves_nothing(export: Export, tmp_path: Path) -> None:
    for kind in ("coco", "png"):
        with pytest.raises(KeyboardInterrupt):
            export(kind, progress=StopAfter(1))
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


@pytest.mark.parametrize(
    ("kind", "package", "remedy"),
    [
        ("parquet", "pyarrow", r"pip install 'maskdistill\[tables\]'"),
        ("supervision", "supervision", "pip install supervision"),
        ("fiftyone", "fiftyone", "pip install fiftyone"),
    ],
)
def test_a_library_that_is_not_there_is_named_with_its_remedy(
    export: Export, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, package: str, remedy: str
) -> None:
    for module in [package, *(name for name in sys.modules if name.startswith(f"{package}."))]:
        # With None there, an import fails as if it were not installed.
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf"needs {package}, which is not installed: {remedy}"):
        export(kind)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("stage", "kind", "message"),
    [
        ("mine", "png", "masks are masks; label maps are in pseudo-labels, predictions"),
        ("segment", "coco", "predictions are label maps alone; masks are in masks, clusters, curated, candidates"),
        ("mine", "voc", "--format voc: one of coco, detectron2"),
    ],
)
def test_label_maps_and_masks_are_told_apart(run: Run, tmp_path: Path, stage: str, kind: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        export_stage(run, stage, kind, tmp_path / "out", Silent(), force=False)
