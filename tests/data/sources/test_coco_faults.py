"""COCO data sets that are not in order: what is left out is told with its place, and what ends a run with its file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.coco_files import Content, open_coco, train_content, write_annotations, write_coco_set
from maskdistill.data.errors import InputError, UnreadableImage
from maskdistill.data.sources.first import FirstImages
from maskdistill.stages.evaluate.check import check_truth


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_coco_set(tmp_path)


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
        (_change("images", 1, "file_name", to="gone.jpg"), r"1 of 3 images are missing: .*gone\.jpg.*max_failure_rate"),
        (_change("images", to=[]), "no training images"),
        (_change("images", to=[{"id": 1, "file_name": "../../secret.jpg"}]), "no training images"),
        (_change("categories", 0, "name", to="brush"), "categories are not those of"),
        (_change("annotations"), "field 'annotations' is missing"),
    ],
)
def test_every_fault_names_file_and_field(root: Path, change: Callable[[Content], Content], message: str) -> None:
    write_annotations(root, "train", change(train_content()))
    with pytest.raises(InputError, match=message) as caught:
        open_coco(root).read_labels(1)
    assert "instances_" in str(caught.value) or str(root) in str(caught.value)


@pytest.mark.parametrize("name", ["../val2017/000100.jpg", "/etc/passwd", "..\\secret.jpg", "C:/secret.jpg", ""])
def test_an_image_whose_name_leads_out_of_the_folder_is_left_out(root: Path, name: str) -> None:
    content = train_content()
    content["images"].append({"id": 9, "file_name": name})
    write_annotations(root, "train", content)
    source = open_coco(root)
    assert source.n_train == 2
    assert [note for note in source.notes if "left out 1" in note and "instances_train2017.json" in note]


@pytest.mark.parametrize(
    ("names", "on_disk"),
    [
        (lambda name: f"train2017/{name}", None),
        (lambda name: f"/data/train2017/{name}", None),
        (lambda name: f"sub\\{name}", "sub"),
        (lambda name: f"./{name}", None),
        (lambda name: name.upper(), None),
        (lambda name: f"https://example.org/b/{name}?x=1", None),
        (lambda name: f"images/0a1b2c3d-{name}", None),
    ],
)
def test_images_are_found_under_the_names_of_other_machines(
    root: Path, names: Callable[[str], str], on_disk: str | None
) -> None:
    content = train_content()
    for image in content["images"]:
        if on_disk is not None:
            path = root / "train2017" / image["file_name"]
            (root / "train2017" / on_disk).mkdir(exist_ok=True)
            path.rename(root / "train2017" / on_disk / path.name)
        image["file_name"] = names(image["file_name"])
    write_annotations(root, "train", content)
    source = open_coco(root)
    assert source.n_train == 2
    labels = source.read_labels(1)
    assert labels is not None
    assert np.bincount(labels.ravel(), minlength=256)[[1, 2, 255]].tolist() == [39, 9, 40]


def test_a_colon_is_part_of_a_name(root: Path) -> None:
    content = train_content()
    content["images"][0]["file_name"] = "2024-01-05T10:00:07.jpg"
    (root / "train2017/000007.jpg").rename(root / "train2017/2024-01-05T10:00:07.jpg")
    write_annotations(root, "train", content)
    assert list(open_coco(root).ids)[1] == "train2017/2024-01-05T10:00:07.jpg"


@pytest.mark.parametrize("dangling", [False, True])
def test_a_missing_image_is_an_unreadable_one(root: Path, *, dangling: bool) -> None:
    (root / "train2017/000007.jpg").unlink()
    if dangling:
        (root / "train2017/000007.jpg").symlink_to("/nowhere.jpg")
    source = open_coco(root, max_failure_rate=0.4)
    assert len(source.notes) == 1 and "1 of 3 images are missing" in source.notes[0]
    with pytest.raises(UnreadableImage, match="no such file"):
        source.read(1)
    assert source.fingerprint()


def test_links_are_followed_as_they_stand(root: Path, tmp_path: Path) -> None:
    (root / "train2017/000007.jpg").rename(tmp_path / "elsewhere.jpg")
    (root / "train2017/000007.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    source = open_coco(root)
    assert not source.notes
    assert source.read(1).shape[2] == 3


def test_a_name_beyond_what_a_file_can_have_is_a_missing_image(root: Path) -> None:
    write_annotations(root, "train", _change("images", 1, "file_name", to="x" * 5000)(train_content()))
    with pytest.raises(InputError, match=r"1 of 3 images are missing"):
        open_coco(root)


def test_where_nothing_is_left_the_reason_is_told(root: Path) -> None:
    content = train_content()
    for image in content["images"]:
        image["width"] = "12 px"
    write_annotations(root, "train", content)
    with pytest.raises(
        InputError, match=r"left out 2 not in order \(images\[0\]: field 'width' is str '12 px'.*no train"
    ):
        open_coco(root)


def test_annotations_that_are_not_in_order_are_told_with_the_ground_truth(root: Path) -> None:
    content = _change("annotations", 0, "iscrowd", to=2)(train_content())
    content["annotations"].append({**content["annotations"][1], "image_id": 99})
    write_annotations(root, "train", content)
    source = open_coco(root)
    source.read_labels(1)
    assert "field 'iscrowd' is int 2, it must be 0 or 1" in str(source.truth_remarks)
    assert "1 of no image of the file (image_id 99)" in str(source.truth_remarks)


def test_crowds_alone_are_no_ground_truth(root: Path) -> None:
    content = train_content()
    for item in content["annotations"]:
        item["iscrowd"] = 1
    write_annotations(root, "train", content)
    with pytest.raises(InputError, match=r"data\.annotations_train: .* hold 0 and 255 alone.*set iscrowd to 0"):
        check_truth(FirstImages(open_coco(root, annotations_val=None), 2))


def test_an_image_that_is_listed_twice_has_the_objects_of_both(root: Path) -> None:
    content = train_content()
    content["images"].append({**content["images"][0], "id": 8})
    content["annotations"][0]["image_id"] = 8
    write_annotations(root, "train", content)
    source = open_coco(root)
    assert source.n_train == 2
    instances = source.read_instances(1)
    assert instances is not None
    assert sorted(instances.class_ids.tolist()) == [1, 2, 3]


def test_annotations_of_no_class_and_for_another_size_are_counted(root: Path) -> None:
    content = train_content()
    content["annotations"][0]["category_id"] = 2
    content["images"][1] |= {"height": 12, "width": 10}
    write_annotations(root, "train", content)
    source = open_coco(root)
    labels = source.read_labels(1)
    assert labels is not None
    assert np.bincount(labels.ravel(), minlength=256)[[1, 2]].tolist() == [48, 0]
    assert (source.read_labels(0), source.read_boxes(0), source.read_instances(0)) == (None, None, None)
    assert "1 annotations of no category of the file (train2017/000007.jpg)" in str(source.truth_remarks)
    assert "images whose annotations are for another size (train2017/000003.jpg" in str(source.truth_remarks)


@pytest.mark.parametrize("text", ["{", "", "[]", "[" * 100_000, "\xff"])
def test_what_is_no_annotation_file_is_named(root: Path, text: str) -> None:
    (root / "annotations/instances_train2017.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"instances_train2017\.json: (not valid JSON|a list without masks)"):
        open_coco(root)
