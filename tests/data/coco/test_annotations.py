"""The one reader of annotation files: what ground truth and imported proposals accept, leave out and refuse alike."""

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from helpers.coco_changes import ACCEPTED, LEFT_OUT, Change
from helpers.coco_files import Content, box, open_coco, train_content, write_coco_set
from maskdistill.data.coco.annotations import AnnotationFile
from maskdistill.data.coco.proposals import CocoMasks, read_coco
from maskdistill.data.errors import InputError
from maskdistill.data.sources.coco import CocoSource
from maskdistill.data.sources.frames import Header
from maskdistill.data.tally import Tally


def write(path: Path, content: Content) -> Path:
    path.write_text(json.dumps(content))
    return path


REFUSED: dict[str, tuple[Change, str]] = {
    "no images": (lambda content: content.pop("images"), "field 'images' is missing"),
    "no annotations": (lambda content: content.pop("annotations"), "field 'annotations' is missing"),
    "images is no list": (lambda content: content.update(images={}), "field 'images' is dict, it must be list"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_coco_set(tmp_path)


def annotations_of(root: Path) -> Path:
    return root / "annotations" / "instances_train2017.json"


def changed(root: Path, change: Change) -> Path:
    content = train_content()
    change(content)
    return write(annotations_of(root), content)


def masks_of(path: Path) -> tuple[list[int], Tally]:
    """Areas of the masks of image 7, and what is left out of the file."""
    file, tally = CocoMasks(path), Tally()
    masks = file.masks_of(next(iter(file.images)), Header((10, 12)), tally)
    for bad in (file.file.bad_entries, file.file.left_out):
        tally.merge(bad)
    return coco_mask.area(masks.rles).tolist(), tally


def check_truth_of(root: Path) -> CocoSource:
    """The ground truth of the changed file is that of the file as it was."""
    source = open_coco(root, annotations_val=None)
    labels, boxes = source.read_labels(1), source.read_boxes(1)
    assert labels is not None
    assert np.bincount(labels.ravel(), minlength=256)[[1, 2, 255]].tolist() == [39, 9, 40]
    assert boxes is not None
    assert boxes.tolist()[:2] == [[3, 2, 6, 5], [1, 1, 9, 7]]
    return source


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_both_accept_the_same_files(root: Path, change: Change) -> None:
    areas, tally = masks_of(changed(root, change))
    assert areas == [9, 48]
    assert set(tally.counts()) <= {"crowd regions", "without an outline, a box at most"}
    check_truth_of(root)


@pytest.mark.parametrize(("change", "said"), LEFT_OUT.values(), ids=LEFT_OUT.keys())
def test_both_leave_the_same_entry_out_and_say_so(root: Path, change: Change, said: str) -> None:
    areas, tally = masks_of(changed(root, change))
    assert areas == [9, 48]
    assert tally.total == 2  # the crowd too
    assert said in str(tally)
    check_truth_of(root)


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_both_refuse_the_same_files_in_the_same_words(root: Path, change: Change, message: str) -> None:
    path = changed(root, change)
    with pytest.raises(InputError, match=message) as refused:
        CocoMasks(path)
    assert str(refused.value).startswith(str(path))
    with pytest.raises(InputError) as caught:
        open_coco(root, annotations_val=None).read_labels(1)
    assert str(caught.value).removeprefix("data.annotations_train: ") == str(refused.value)


def test_crowds_are_masks_where_they_are_asked_for(root: Path) -> None:
    file = CocoMasks(annotations_of(root), crowds=True)
    assert coco_mask.area(file.masks_of(7, Header((10, 12)), Tally()).rles).tolist() == [9, 48, 48]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_unicode_encoding_of_json_is_read(tmp_path: Path, encoding: str) -> None:
    content = {"images": [{"id": 1, "file_name": "größe.jpg"}], "annotations": []}
    path = tmp_path / "x.json"
    path.write_bytes(json.dumps(content, ensure_ascii=False).encode(encoding))
    file = AnnotationFile(path, keep_annotations=True)
    assert [image.file_name for image in file.images.values()] == ["größe.jpg"]
    assert (file.categories, file.of_image(1)) == ({}, ())


def test_annotations_are_kept_or_read_when_they_are_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", train_content())
    kept, later = (AnnotationFile(path, keep_annotations=keep) for keep in (True, False))
    content = train_content()
    content["annotations"] = [box(7, 1, 0, 0, 2, 2)]
    write(path, content)
    assert [item.bbox for item in kept.of_image(7)] == [(3, 2, 3, 3), (1, 1, 8, 6), (0, 0, 1, 1)]
    assert [item.bbox for item in later.of_image(7)] == [(0, 0, 2, 2)]
    write(path, train_content())
    assert len(later.of_image(7)) == 1  # read once


def test_a_crowd_needs_no_outline_where_it_is_left_out(tmp_path: Path) -> None:
    content = train_content()
    del content["annotations"][2]["segmentation"]
    store, _ = read_coco(write(tmp_path / "x.json", content))
    assert len(store) == 2
