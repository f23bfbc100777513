"""COCO data sets as an image source: images by their annotation files, and the ground truth painted from them."""

from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from helpers.coco_files import (
    box,
    lower_rows,
    open_coco,
    train_content,
    write_annotations,
    write_coco_set,
)
from maskdistill.data.arrays import UInt8Array
from maskdistill.data.config import CocoConfig
from maskdistill.data.errors import InputError
from maskdistill.data.sources.coco import CocoSource
from maskdistill.data.sources.open import open_source


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_coco_set(tmp_path)


def labels_of(root: Path, index: int, **fields: object) -> UInt8Array:
    labels = open_coco(root, **fields).read_labels(index)
    assert labels is not None
    return labels


def boxes_of(root: Path, index: int) -> list[list[float]]:
    boxes = open_coco(root).read_boxes(index)
    assert boxes is not None
    assert boxes.dtype == np.float32
    assert boxes.shape[1:] == (4,)
    values: list[list[float]] = boxes.tolist()
    return values


def test_the_configuration_opens_it(root: Path) -> None:
    assert isinstance(open_source(CocoConfig(kind="coco", root=root)), CocoSource)


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
    labels = labels_of(root, 1)
    np.testing.assert_array_equal(labels, expected)
    assert labels.dtype == np.uint8


def test_compressed_codes_and_the_last_category(root: Path) -> None:
    np.testing.assert_array_equal(labels_of(root, 2), np.where(lower_rows(), 3, 0))


def test_an_image_without_annotation_is_background(root: Path) -> None:
    labels = labels_of(root, 0)
    assert (labels.shape, labels.max(), boxes_of(root, 0)) == ((10, 12), 0, [])


def test_boxes_have_corners_and_leave_crowds_out(root: Path) -> None:
    assert boxes_of(root, 1) == [[3, 2, 6, 5], [1, 1, 9, 7]]


def test_polygons_without_area_paint_nothing(root: Path) -> None:
    content = train_content()
    content["annotations"] = [box(7, 1, 0, 0, 4, 4) | {"segmentation": s} for s in ([], [[0, 0, 4, 4]])]
    write_annotations(root, "train", content)
    assert labels_of(root, 1).max() == 0


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
    write_annotations(root, "train", content)
    instances = open_coco(root).read_instances(1)
    assert instances is not None
    # In the file's order: dog, person and a crowd of toothbrushes; what has no outline is no object.
    assert instances.class_ids.tolist() == [2, 1, 3]
    assert instances.is_crowd.tolist() == [False, False, True]
    assert coco_mask.area(list(instances.rles)).tolist() == [9, 48, 48]
    none = open_coco(root).read_instances(0)
    assert none is not None
    assert len(none) == 0


def test_what_the_file_leaves_out_is_taken_from_image_and_outline(root: Path) -> None:
    before, boxes = labels_of(root, 1), boxes_of(root, 1)
    content = train_content()
    for image in content["images"]:
        del image["height"], image["width"]
    for item in content["annotations"]:
        item["bbox"] = None
    write_annotations(root, "train", content)
    np.testing.assert_array_equal(labels_of(root, 1), before)
    assert boxes_of(root, 1) == boxes


def test_ids_may_be_text(root: Path) -> None:
    before = labels_of(root, 1, annotations_val=None)
    content = train_content()
    ids = {"images": ["id"], "categories": ["id"], "annotations": ["image_id", "category_id"]}
    for item, name in ((item, name) for place, names in ids.items() for item in content[place] for name in names):
        item[name] = f"no. {item[name]:03d}"
    write_annotations(root, "train", content)
    (root / "subset.txt").write_text("no. 007\n")
    source = open_coco(root, annotations_val=None)
    assert source.class_names == ("background", "person", "dog", "toothbrush")
    np.testing.assert_array_equal(labels_of(root, 1, annotations_val=None), before)
    assert list(open_coco(root, annotations_val=None, subset_train="subset.txt").ids) == ["train2017/000007.jpg"]


def test_files_without_categories_have_no_ground_truth(root: Path) -> None:
    content = train_content()
    del content["categories"]
    write_annotations(root, "train", content)
    source = open_coco(root, annotations_val=None)
    assert (source.class_names, source.labels_fingerprint()) == (None, None)
    assert (source.read_labels(1), source.read_boxes(1), source.read_instances(1)) == (None, None, None)


def test_fingerprints_tell_images_from_labels(root: Path) -> None:
    before = open_coco(root)
    images, labels = before.fingerprint(), before.labels_fingerprint()
    content = train_content()
    content["annotations"] = []
    write_annotations(root, "train", content)
    after = open_coco(root)
    assert after.fingerprint() == images
    assert after.labels_fingerprint() != labels
