"""Exports: what other tools would read in them."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from maskdistill.data.config import FolderConfig
from maskdistill.data.edits import ClusterEdits, Edits, write_edits
from maskdistill.data.sources.open import open_source
from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.apps.export.formats import export_stage
from maskdistill.pipeline.apps.export.names import ImageNames
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.stages.progress import Silent

Export = Callable[..., Path]
Box = Callable[[int, int, int, int], NDArray[np.bool_]]


def test_coco_names_files_below_the_root_and_knows_every_size(export: Export) -> None:
    content = json.loads(export("coco").read_text())
    sizes = [(image["file_name"], image["height"], image["width"]) for image in content["images"]]
    assert sizes == [("a/first.jpg", 10, 12), ("empty.png", 4, 5)]
    assert [annotation["bbox"] for annotation in content["annotations"]] == [[3, 2, 3, 3], [11, 0, 1, 10]]


def test_detectron2_counts_categories_from_0_and_names_the_box_mode(export: Export, tmp_path: Path, box: Box) -> None:
    first, empty = json.loads(export("detectron2").read_text())
    assert first["file_name"] == str(tmp_path / "photos/a/first.jpg")
    assert (empty["height"], empty["width"], empty["annotations"]) == (4, 5, [])
    cluster, without = first["annotations"]
    assert (cluster["category_id"], without["category_id"]) == (1, 2)
    assert (cluster["bbox"], cluster["bbox_mode"]) == ([3, 2, 3, 3], 1)
    np.testing.assert_array_equal(coco_mask.decode(cluster["segmentation"]).astype(bool), box(3, 2, 3, 3))


@pytest.mark.detectron2
def test_detectron2_registers_and_loads_it(run: Run, images: ImageNames, export: Export) -> None:
    data = pytest.importorskip("detectron2.data")
    from detectron2.data.datasets import load_coco_json
    from detectron2.structures import BoxMode

    from maskdistill.pipeline.apps.export.detectron import register

    register("maskdistill-test", run.masks("filter"), images)
    assert data.MetadataCatalog.get("maskdistill-test").thing_classes == ["cluster 0", "cluster 1", "object"]
    assert data.DatasetCatalog.get("maskdistill-test") == json.loads(export("detectron2").read_text())
    assert BoxMode.XYWH_ABS == 1
    loaded = load_coco_json(str(export("coco", "coco.json")), str(images.root), "maskdistill-test-coco")
    assert [len(image["annotations"]) for image in loaded] == [2, 0]


@pytest.mark.detectron2
@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")  # detectron2's, of decoded masks
def test_detectron2_reads_them_with_its_own_mapper_and_sampler(run: Run, images: ImageNames, box: Box) -> None:
    data = pytest.importorskip("detectron2.data")
    from detectron2.data.samplers import TrainingSampler

    from maskdistill.pipeline.apps.export.detectron import register

    register("maskdistill-train", run.masks("filter"), images)
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


def test_torchvision_targets_have_corners_and_labels_from_1(export: Export, box: Box) -> None:
    folder = export("torchvision")
    target = torch.load(folder / "00000000.pt", weights_only=True)
    assert target["boxes"].tolist() == [[3, 2, 6, 5], [11, 0, 12, 10]]
    assert target["labels"].tolist() == [2, 3]
    assert target["area"].tolist() == [9, 10]
    np.testing.assert_array_equal(target["masks"][1].numpy(), box(11, 0, 1, 10))
    empty = torch.load(folder / "00000001.pt", weights_only=True)
    assert (empty["boxes"].shape, empty["masks"].shape) == ((0, 4), (0, 4, 5))
    index = json.loads((folder / "index.json").read_text())
    assert index["images"] == ["a/first.jpg", "empty.png"]
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


def test_csv_has_a_row_per_mask(export: Export) -> None:
    with export("csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert rows[0] == {
        "image_id": "a/first.jpg", "height": "10", "width": "12", "box_x": "3.0", "box_y": "2.0", "box_width": "3.0",
        "box_height": "3.0", "area": "9", "area_share": "0.075", "score": "0.9", "cluster": "1",
    }  # fmt: skip


def test_parquet_has_the_columns_in_their_types(export: Export, run: Run) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(export("parquet"))
    assert table.column("image_id").to_pylist() == ["a/first.jpg"] * 2
    assert str(table.schema.field("score").type) == "float"
    assert table.equals(run.masks("filter").to_arrow())


@pytest.mark.filterwarnings("ignore:OpenCV")  # its own, on import
def test_supervision_gets_detections_and_writes_yolo(export: Export, run: Run, box: Box) -> None:
    pytest.importorskip("supervision")
    from maskdistill.pipeline.apps.export.supervision_detections import to_supervision

    first, empty = (to_supervision(image) for image in run.masks("filter").images())
    assert first.xyxy.tolist() == [[3, 2, 6, 5], [11, 0, 12, 10]]
    assert first.class_id.tolist() == [1, 2]
    np.testing.assert_array_equal(first.mask[0], box(3, 2, 3, 3))
    assert len(empty) == 0
    folder = export("supervision")
    lines = (folder / "labels/first.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2"]
    assert "cluster 1" in (folder / "data.yaml").read_text()


def test_fiftyone_samples_hold_the_part_of_each_mask_in_its_box(run: Run, images: ImageNames, tmp_path: Path) -> None:
    pytest.importorskip("fiftyone")
    from maskdistill.pipeline.apps.export.fiftyone_samples import FIELD, to_fiftyone

    first = to_fiftyone(next(run.masks("filter").images()), images, ["cluster 0", "cluster 1", "object"])
    assert first.filepath == str(tmp_path / "photos/a/first.jpg")
    detections = first[FIELD].detections
    assert [detection.label for detection in detections] == ["cluster 1", "object"]
    assert detections[0].bounding_box == [3 / 12, 2 / 10, 3 / 12, 3 / 10]
    assert detections[0].mask.shape == (3, 3)
    assert detections[0].mask.all()


def test_clusters_go_by_their_names(run: Run, export: Export, tmp_path: Path) -> None:
    write_edits(run.plan.edits_file, Edits(clusters=ClusterEdits(names={1: "dog"})))
    named = Run(run.plan.varied())
    for kind in ("coco", "detectron2", "png"):
        export_stage(named, "filter", kind, tmp_path / kind, Silent(), force=False)
    categories = json.loads((tmp_path / "coco").read_text())["categories"]
    assert [one["name"] for one in categories] == ["cluster 0", "dog", "object"]
    classes = json.loads((tmp_path / "png" / "classes.json").read_text())
    assert classes == {"0": "background", "2": "dog", "255": "ignored"}
