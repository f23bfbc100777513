import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from maskdistill.data.config import CocoConfig
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.open import open_source

# pycocotools 2.0.11 on numpy 2.4: every decode warns, whatever is passed to it.

Content = dict[str, Any]
CATEGORIES = [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]

# A code of 20 x 20 px, which would run over the end of a 10 x 12 px mask.
TOO_LONG = coco_mask.encode(np.ones((20, 20), dtype=np.uint8, order="F"))["counts"].decode()


def box(image_id: int, category_id: int, x: int, y: int, width: int, height: int) -> Content:
    corners = [x, y, x + width, y, x + width, y + height, x, y + height]
    return {
        "image_id": image_id,
        "category_id": category_id,
        "iscrowd": 0,
        "bbox": [x, y, width, height],
        "segmentation": [corners],
    }


def coded(image_id: int, category_id: int, mask: Any, *, crowd: bool, compressed: bool) -> Content:
    item = box(image_id, category_id, 0, 0, 1, 1) | {"iscrowd": int(crowd)}
    if compressed:
        code = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
        return item | {"segmentation": {"size": code["size"], "counts": code["counts"].decode()}}
    flat = np.asarray(mask).ravel(order="F").astype(int)
    changes = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *changes, len(flat)]).tolist()
    return item | {"segmentation": {"size": list(np.shape(mask)), "counts": ([0] if flat[0] else []) + runs}}


def crowd_mask() -> Any:
    mask = np.zeros((10, 12), dtype=bool)
    mask[6:] = True
    return mask


def train_content() -> Content:
    small_first = [box(7, 18, 3, 2, 3, 3), box(7, 1, 1, 1, 8, 6)]
    crowd = coded(7, 90, crowd_mask(), crowd=True, compressed=False)
    return {
        "images": [
            {"id": 7, "file_name": "000007.jpg", "height": 10, "width": 12},
            {"id": 3, "file_name": "000003.jpg", "height": 10, "width": 12},
        ],
        "annotations": [*small_first, crowd],
        "categories": deepcopy(CATEGORIES),
    }


def val_content() -> Content:
    return {
        "images": [{"id": 7, "file_name": "000100.jpg", "height": 10, "width": 12}],
        "annotations": [coded(7, 90, crowd_mask(), crowd=False, compressed=True)],
        "categories": deepcopy(CATEGORIES),
    }


def write(root: Path, split: str, content: Content) -> None:
    path = root / "annotations" / f"instances_{split}2017.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("train2017/000003", "train2017/000007", "val2017/000100"):
        path = tmp_path / f"{name}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((10, 12, 3), dtype=np.uint8)).save(path)
    write(tmp_path, "train", train_content())
    write(tmp_path, "val", val_content())
    return tmp_path


def open_coco(root: Path, **fields: object) -> ImageSource:
    return open_source(CocoConfig.model_validate({"kind": "coco", "root": root, **fields}))


def test_ids_splits_and_classes(root: Path) -> None:
    source = open_coco(root)
    assert list(source.ids) == ["train2017/000003.jpg", "train2017/000007.jpg", "val2017/000100.jpg"]
    assert source.n_train == 2
    assert source.class_names == ("background", "person", "dog", "toothbrush")
    assert source.read(2).shape == (10, 12, 3)


def test_small_objects_lie_on_large_ones_and_both_on_crowds(root: Path) -> None:
    expected = np.zeros((10, 12), dtype=np.uint8)
    expected[6:] = 255
    expected[1:7, 1:9] = 1
    expected[2:5, 3:6] = 2
    labels = open_coco(root).read_labels(1)
    np.testing.assert_array_equal(labels, expected)
    assert labels is not None
    assert labels.dtype == np.uint8


def test_compressed_codes_and_the_last_category(root: Path) -> None:
    np.testing.assert_array_equal(open_coco(root).read_labels(2), np.where(crowd_mask(), 3, 0))


def test_an_image_without_annotation_is_background(root: Path) -> None:
    source = open_coco(root)
    labels, boxes = source.read_labels(0), source.read_boxes(0)
    assert labels is not None
    assert boxes is not None
    assert (labels.shape, labels.max(), boxes.shape) == ((10, 12), 0, (0, 4))


def test_boxes_have_corners_and_leave_crowds_out(root: Path) -> None:
    boxes = open_coco(root).read_boxes(1)
    assert boxes is not None
    assert boxes.dtype == np.float32
    assert boxes.tolist() == [[3, 2, 6, 5], [1, 1, 9, 7]]


def test_polygons_without_area_paint_nothing(root: Path) -> None:
    content = train_content()
    content["annotations"] = [box(7, 1, 0, 0, 4, 4) | {"segmentation": s} for s in ([], [[0, 0, 4, 4]])]
    write(root, "train", content)
    assert np.max(open_coco(root).read_labels(1)) == 0


def test_validation_can_be_left_out(root: Path) -> None:
    (root / "annotations/instances_val2017.json").unlink()
    with pytest.raises(InputError, match=r"instances_val2017\.json"):
        open_coco(root)
    source = open_coco(root, annotations_val=None)
    assert source.n_train == len(source) == 2


def test_a_subset_list_picks_training_images(root: Path) -> None:
    (root / "subset.txt").write_text("train2014/000007.jpg\n")
    assert list(open_coco(root, subset_train="subset.txt").ids) == ["train2017/000007.jpg", "val2017/000100.jpg"]


@pytest.mark.parametrize("line", ["7", "000007.jpg", "/train2017/000007.jpg"])
def test_a_subset_names_files_or_ids_and_lies_anywhere(root: Path, tmp_path: Path, line: str) -> None:
    path = tmp_path / "elsewhere.txt"
    path.write_text(f"{line}\n")
    assert list(open_coco(root, subset_train=str(path), annotations_val=None).ids) == ["train2017/000007.jpg"]


def test_what_a_subset_lacks_is_named(root: Path) -> None:
    (root / "subset.txt").write_text("7\n8\n")
    with pytest.raises(InputError, match=r"subset\.txt: 1 of its images are not in .*instances_train2017\.json: 8"):
        open_coco(root, subset_train="subset.txt")
    with pytest.raises(InputError, match=r"data\.subset_train: gone\.txt .*COCO20k"):
        open_coco(root, subset_train="gone.txt")


def test_missing_annotations_are_named_with_their_place(root: Path) -> None:
    with pytest.raises(InputError, match=r"data\.annotations_train: .*x\.json is not there; .*annotations/"):
        open_coco(root, annotations_train="annotations/x.json")


def test_instances_are_whole_and_keep_their_crowds(root: Path) -> None:
    content = train_content()
    content["annotations"].append(box(7, 1, 0, 0, 4, 4) | {"segmentation": []})
    write(root, "train", content)
    instances = open_coco(root).read_instances(1)
    assert instances is not None
    # In the file's order: dog, person and a crowd of toothbrushes; what has no outline is no object.
    assert instances.class_ids.tolist() == [2, 1, 3]
    assert instances.is_crowd.tolist() == [False, False, True]
    assert coco_mask.area(list(instances.rles)).tolist() == [9, 48, 48]
    none = open_coco(root).read_instances(0)
    assert none is not None
    assert len(none) == 0


def test_fingerprints_tell_images_from_labels(root: Path) -> None:
    before = open_coco(root)
    images, labels = before.fingerprint(), before.labels_fingerprint()
    content = train_content()
    content["annotations"] = []
    write(root, "train", content)
    after = open_coco(root)
    assert after.fingerprint() == images
    assert after.labels_fingerprint() != labels


def _change(*keys: Any, to: Any = None) -> Callable[[Content], Any]:
    """Set, or with `to` None remove, one place of the content."""

    def change(content: Content) -> Content:
        place: Any = content
        for key in keys[:-1]:
            place = place[key]
        if to is None:
            del place[keys[-1]]
        else:
            place[keys[-1]] = to
        return content

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_change("images"), "field 'images' is missing"),
        (_change("images", to={}), "field 'images' is dict, it must be list"),
        (_change("images", 1, to=5), r"images\[1\] must be an object"),
        (_change("images", 1, "file_name"), r"images\[1\]: field 'file_name' is missing"),
        (_change("images", 1, "height", to="10"), r"images\[1\]: field 'height' is str, it must be int"),
        (_change("images", 1, "id", to=7), "an id occurs twice"),
        (_change("images", 1, "file_name", to="000007.jpg"), "listed twice"),
        (_change("images", 1, "file_name", to="../val2017/000100.jpg"), "not a plain path"),
        (_change("images", 1, "file_name", to="/etc/passwd"), "not a plain path"),
        (_change("images", 1, "file_name", to="gone.jpg"), r"1 of 3 images are missing: .*gone\.jpg"),
        (_change("images", to=[]), "no training images"),
        (_change("categories", 0, "name"), r"categories\[0\]: field 'name' is missing"),
        (_change("categories", 0, "name", to="brush"), "categories are not those of"),
        (_change("annotations"), "field 'annotations' is missing"),
        (_change("annotations", 0, "category_id", to=2), r"annotations\[0\]\.category_id: 2 is not among"),
        (_change("annotations", 0, "bbox", to=[1, 2]), r"annotations\[0\]: field 'bbox' must be four numbers"),
        (_change("annotations", 0, "segmentation", to="x"), "field 'segmentation' is str"),
        (_change("annotations", 0, "segmentation", to=[["a"] * 6]), r"annotations\[0\]\.segmentation"),
        (_change("annotations", 0, "segmentation", to={"size": [9, 9], "counts": [81]}), "the image is"),
        (_change("annotations", 0, "segmentation", to={"size": [10, 12], "counts": TOO_LONG}), "segmentation"),
        (_change("annotations", 0, "segmentation", to={"size": [10, 12], "counts": [500]}), "segmentation"),
        (_change("annotations", 0, "segmentation", to={"counts": [120]}), "segmentation"),
    ],
)
def test_every_fault_names_file_and_field(root: Path, change: Callable[[Content], Content], message: str) -> None:
    write(root, "train", change(train_content()))
    with pytest.raises(InputError, match=message) as caught:
        open_coco(root).read_labels(1)
    assert "instances_" in str(caught.value) or str(root) in str(caught.value)


@pytest.mark.parametrize("text", ["{", "", "[]", "[" * 100_000, "\xff"])
def test_what_is_no_annotation_file_is_named(root: Path, text: str) -> None:
    (root / "annotations/instances_train2017.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"instances_train2017\.json: (not valid JSON|a COCO annotation file)"):
        open_coco(root)
