"""Exports: what other tools would read in them, and what is never overwritten."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask

from maskdistill.data.config import FolderConfig
from maskdistill.data.errors import InputError
from maskdistill.data.sources.open import open_source
from maskdistill.data.stores.labels import write_labels
from maskdistill.data.stores.masks import MaskStoreBuilder
from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.apps.export.formats import FORMATS, export_view
from maskdistill.pipeline.apps.export.label_pngs import png_names
from maskdistill.pipeline.apps.export.names import ImageNames
from maskdistill.pipeline.apps.inspect.views import View
from maskdistill.stages.progress import Silent

IDS = ("a/first.jpg", "empty.png")
Export = Callable[..., Path]


def box(x: int, y: int, width: int, height: int) -> np.ndarray:
    mask = np.zeros((10, 12), dtype=bool)
    mask[y : y + height, x : x + width] = True
    return mask


@pytest.fixture
def images(tmp_path: Path) -> ImageNames:
    root = tmp_path / "photos"
    for name, size in zip(IDS, [(12, 10), (5, 4)], strict=True):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(root / name)
    return ImageNames(open_source(FolderConfig(kind="folder", root=root)), root)


@pytest.fixture
def view(tmp_path: Path) -> View:
    """Pseudo-labels: two masks on the first image, none on the second."""
    builder = MaskStoreBuilder()
    builder.add(IDS[0], np.stack([box(3, 2, 3, 3), box(11, 0, 1, 10)]), scores=[0.9, 0.25], clusters=[1, -1])
    builder.add(IDS[1], np.zeros((0, 4, 5), dtype=bool))
    builder.build().save(tmp_path / "key" / "masks.zarr")
    label_map = box(3, 2, 3, 3) * np.uint8(2)
    label_map[0, 0] = 255
    write_labels(tmp_path / "key" / "labels.zarr", [(IDS[0], label_map), (IDS[1], np.zeros((4, 5), dtype=np.uint8))])
    return View("pseudo-labels", {"filter": tmp_path / "key"})


@pytest.fixture
def export(view: View, images: ImageNames, tmp_path: Path) -> Export:
    def run(kind: str, name: str = "out", force: bool = False) -> Path:
        export_view(view, images, kind, tmp_path / name, Silent(), force=force)
        return tmp_path / name

    return run


def test_coco_names_files_below_the_root_and_knows_every_size(export: Export) -> None:
    content = json.loads(export("coco").read_text())
    sizes = [(image["file_name"], image["height"], image["width"]) for image in content["images"]]
    assert sizes == [("a/first.jpg", 10, 12), ("empty.png", 4, 5)]
    assert [annotation["bbox"] for annotation in content["annotations"]] == [[3, 2, 3, 3], [11, 0, 1, 10]]


def test_detectron2_counts_categories_from_0_and_names_the_box_mode(export: Export, tmp_path: Path) -> None:
    first, empty = json.loads(export("detectron2").read_text())
    assert first["file_name"] == str(tmp_path / "photos/a/first.jpg")
    assert (empty["height"], empty["width"], empty["annotations"]) == (4, 5, [])
    cluster, without = first["annotations"]
    assert (cluster["category_id"], without["category_id"]) == (1, 2)
    assert (cluster["bbox"], cluster["bbox_mode"]) == ([3, 2, 3, 3], 1)
    np.testing.assert_array_equal(coco_mask.decode(cluster["segmentation"]).astype(bool), box(3, 2, 3, 3))


@pytest.mark.detectron2
def test_detectron2_registers_and_loads_it(view: View, images: ImageNames, export: Export) -> None:
    data = pytest.importorskip("detectron2.data")
    from detectron2.data.datasets import load_coco_json
    from detectron2.structures import BoxMode

    from maskdistill.pipeline.apps.export.detectron import register

    register("maskdistill-test", view.masks, images)
    assert data.MetadataCatalog.get("maskdistill-test").thing_classes == ["cluster 0", "cluster 1", "object"]
    assert data.DatasetCatalog.get("maskdistill-test") == json.loads(export("detectron2").read_text())
    assert BoxMode.XYWH_ABS == 1
    loaded = load_coco_json(str(export("coco", "coco.json")), str(images.root), "maskdistill-test-coco")
    assert [len(image["annotations"]) for image in loaded] == [2, 0]


@pytest.mark.detectron2
@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")  # detectron2's, of decoded masks
def test_detectron2_reads_them_with_its_own_mapper_and_sampler(view: View, images: ImageNames) -> None:
    data = pytest.importorskip("detectron2.data")
    from detectron2.data.samplers import TrainingSampler

    from maskdistill.pipeline.apps.export.detectron import register

    register("maskdistill-train", view.masks, images)
    entries = data.get_detection_dataset_dicts("maskdistill-train")
    mapper = data.DatasetMapper(
        is_train=True, augmentations=[], image_format="RGB", instance_mask_format="bitmask", use_instance_mask=True
    )
    loader = data.build_detection_train_loader(
        entries, mapper=mapper, sampler=TrainingSampler(len(entries)), total_batch_size=1, num_workers=0
    )
    (sample,) = next(iter(loader))
    assert sample["image"].shape == (3, 10, 12)
    assert sample["instances"].gt_classes.tolist() == [1, 2]
    np.testing.assert_array_equal(sample["instances"].gt_masks.tensor[0].numpy(), box(3, 2, 3, 3))


def test_torchvision_targets_have_corners_and_labels_from_1(export: Export) -> None:
    folder = export("torchvision")
    target = torch.load(folder / "00000000.pt", weights_only=True)
    assert target["boxes"].tolist() == [[3, 2, 6, 5], [11, 0, 12, 10]]
    assert target["labels"].tolist() == [2, 3]
    assert target["area"].tolist() == [9, 10]
    np.testing.assert_array_equal(target["masks"][1].numpy(), box(11, 0, 1, 10))
    empty = torch.load(folder / "00000001.pt", weights_only=True)
    assert (empty["boxes"].shape, empty["masks"].shape) == ((0, 4), (0, 4, 5))
    index = json.loads((folder / "index.json").read_text())
    assert index["images"] == list(IDS)
    assert index["labels"] == {"1": "cluster 0", "2": "cluster 1", "3": "object"}


def test_label_pngs_hold_classes_and_show_the_colours_of_the_clusters(export: Export) -> None:
    folder = export("png")
    with Image.open(folder / "a/first.png") as picture:
        assert picture.mode == "P"
        values = np.asarray(picture)
        colours = np.asarray(picture.convert("RGB"))
    assert values[3, 4] == 2
    assert tuple(colours[3, 4]) == cluster_colour(1)
    assert (tuple(colours[9, 0]), tuple(colours[0, 0])) == ((0, 0, 0), (255, 255, 255))
    assert (folder / "empty.png").is_file()


def test_exported_label_pngs_are_ground_truth_to_this_project(export: Export, tmp_path: Path) -> None:
    config = FolderConfig(
        kind="folder", root=tmp_path / "photos", labels=export("png"), class_names=("background", "cluster 0", "one")
    )
    labels = open_source(config).read_labels(0)
    assert labels is not None
    assert labels[3, 4] == 2


def test_images_that_differ_in_their_suffix_alone_cannot_be_pngs() -> None:
    with pytest.raises(InputError, match=r"a\.jpg and a\.png would both be written as a\.png"):
        png_names(("a.jpg", "a.png"))


def test_an_id_that_climbs_writes_nothing(tmp_path: Path, images: ImageNames) -> None:
    write_labels(tmp_path / "key" / "labels.zarr", [("../../evil.jpg", np.zeros((4, 5), dtype=np.uint8))])
    with pytest.raises(InputError, match=r"evil\.png.*is not a plain path"):
        export_view(
            View("pseudo-labels", {"filter": tmp_path / "key"}),
            images,
            "png",
            tmp_path / "x/y/out",
            Silent(),
            force=False,
        )
    assert not list(tmp_path.rglob("*evil*"))


def test_csv_has_a_row_per_mask(export: Export) -> None:
    with export("csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert rows[0] == {
        "image_id": "a/first.jpg", "height": "10", "width": "12", "box_x": "3.0", "box_y": "2.0", "box_width": "3.0",
        "box_height": "3.0", "area": "9", "area_share": "0.075", "score": "0.9", "cluster": "1",
    }  # fmt: skip


def test_parquet_has_the_columns_in_their_types(export: Export, view: View) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(export("parquet"))
    assert table.column("image_id").to_pylist() == [IDS[0]] * 2
    assert str(table.schema.field("score").type) == "float"
    assert table.equals(view.masks.to_arrow())


@pytest.mark.filterwarnings("ignore:OpenCV")  # its own, on import
def test_supervision_gets_detections_and_writes_yolo(export: Export, view: View) -> None:
    pytest.importorskip("supervision")
    from maskdistill.pipeline.apps.export.supervision_detections import to_supervision

    first, empty = (to_supervision(image) for image in view.masks.images())
    assert first.xyxy.tolist() == [[3, 2, 6, 5], [11, 0, 12, 10]]
    assert first.class_id.tolist() == [1, 2]
    np.testing.assert_array_equal(first.mask[0], box(3, 2, 3, 3))
    assert len(empty) == 0
    folder = export("supervision")
    lines = (folder / "labels/first.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2"]
    assert "cluster 1" in (folder / "data.yaml").read_text()


def test_fiftyone_samples_hold_the_part_of_each_mask_in_its_box(view: View, images: ImageNames, tmp_path: Path) -> None:
    pytest.importorskip("fiftyone")
    from maskdistill.pipeline.apps.export.fiftyone_samples import FIELD, to_fiftyone

    first = to_fiftyone(next(view.masks.images()), images, ["cluster 0", "cluster 1", "object"])
    assert first.filepath == str(tmp_path / "photos/a/first.jpg")
    detections = first[FIELD].detections
    assert [detection.label for detection in detections] == ["cluster 1", "object"]
    assert detections[0].bounding_box == [3 / 12, 2 / 10, 3 / 12, 3 / 10]
    assert detections[0].mask.shape == (3, 3)
    assert detections[0].mask.all()


@pytest.mark.parametrize("kind", FORMATS)
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


def test_a_failed_export_leaves_nothing(export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(ImageNames, "size_of", stop)
    with pytest.raises(KeyboardInterrupt):
        export("coco")
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


def test_label_maps_and_masks_are_told_apart(view: View, images: ImageNames, tmp_path: Path) -> None:
    for name, kind, message in (
        ("masks", "png", "masks are masks; label maps are in pseudo-labels, predictions"),
        ("predictions", "coco", "predictions are label maps alone; masks are in masks, clusters, candidates"),
        ("masks", "voc", "--format voc: one of coco, detectron2"),
    ):
        with pytest.raises(InputError, match=message):
            export_view(View(name, {}), images, kind, tmp_path / "out", Silent(), force=False)
