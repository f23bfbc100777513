"""A tiny VOC2012, laid out and encoded as its authors ship it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from helpers.sources import write_images
from maskdistill.data.config import VocConfig
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.open import open_source
from maskdistill.data.sources.voc import CLASS_NAMES

ANNOTATION = """<annotation>
	<folder>VOC2012</folder>
	<filename>2007_000032.jpg</filename>
	<size><width>12</width><height>8</height><depth>3</depth></size>
	<segmented>1</segmented>
	<object>
		<name>aeroplane</name><pose>Frontal</pose><truncated>0</truncated><difficult>0</difficult>
		<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>8</ymax></bndbox>
	</object>
	<object>
		<name>person</name><difficult>1</difficult>
		<bndbox><xmin>6.5</xmin><ymin>1</ymin><xmax>12</xmax><ymax>4</ymax></bndbox>
		<part><name>head</name><bndbox><xmin>7</xmin><ymin>1</ymin><xmax>9</xmax><ymax>2</ymax></bndbox></part>
	</object>
</annotation>
"""


def voc_palette() -> list[int]:
    """The colour map of the VOC development kit: the bits of the index, dealt to the three channels."""
    colours = []
    for index in range(256):
        channels, code = [0, 0, 0], index
        for bit in range(7, -1, -1):
            for channel in range(3):
                channels[channel] |= (code >> channel & 1) << bit
            code >>= 3
        colours.extend(channels)
    return colours


def write_label(path: Path, class_id: int) -> None:
    """An object of the class with the void border of 255 around it."""
    labels = np.zeros((8, 12), dtype=np.uint8)
    labels[1:7, 2:10] = 255
    labels[2:6, 3:9] = class_id
    image = Image.fromarray(labels)
    image.putpalette(voc_palette())
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "VOCdevkit" / "VOC2012"
    lists = root / "ImageSets" / "Segmentation"
    for folder in (root / "Annotations", lists):
        folder.mkdir(parents=True)
    names = ("2007_000032", "2007_000039", "2007_000033", "2008_000001")
    write_images(root / "JPEGImages", [f"{name}.jpg" for name in names], size_hw=(8, 12))
    for name, class_id in (("2007_000032", 1), ("2007_000039", 20), ("2007_000033", 15)):
        write_label(root / "SegmentationClass" / f"{name}.png", class_id)
    (root / "Annotations" / "2007_000032.xml").write_text(ANNOTATION)
    (lists / "train.txt").write_text("2007_000039\n2007_000032\n")
    (lists / "val.txt").write_text("2007_000033\n")
    return root


def open_voc(root: Path, **fields: object) -> ImageSource:
    return open_source(VocConfig.model_validate({"kind": "voc", "root": root, **fields}))


def test_splits_labels_and_void_border(root: Path) -> None:
    source = open_voc(root)
    assert list(source.ids) == ["2007_000032", "2007_000039", "2007_000033"]
    assert source.n_train == 2
    assert source.read(0).shape == (8, 12, 3)
    labels = source.read_labels(1)
    assert labels is not None
    assert labels.dtype == np.uint8
    assert (labels[0, 0], labels[1, 2], labels[3, 4]) == (0, 255, 20)
    assert source.class_names == CLASS_NAMES
    assert (len(CLASS_NAMES), CLASS_NAMES[0], CLASS_NAMES[15], CLASS_NAMES[20]) == (
        21,
        "background",
        "person",
        "tvmonitor",
    )


def test_boxes_count_from_zero_and_leave_parts_out(root: Path) -> None:
    boxes = open_voc(root).read_boxes(0)
    assert boxes is not None
    assert boxes.dtype == np.float32
    assert boxes.tolist() == [[0, 1, 5, 8], [5.5, 0, 12, 4]]
    assert open_voc(root).read_boxes(1) is None


def class_of(source: ImageSource, index: int) -> int:
    """The class of the object that `write_label` drew."""
    labels = source.read_labels(index)
    assert labels is not None
    return int(labels[3, 4])


def test_augmented_labels_go_first_and_can_be_chosen_against(root: Path) -> None:
    write_label(root / "SegmentationClassAug" / "2007_000032.png", 7)
    automatic, chosen = open_voc(root), open_voc(root, labels="SegmentationClass")
    assert class_of(automatic, 0) == 7
    # SBD has no label of some images, and VOC's own goes for those.
    assert class_of(automatic, 1) == 20
    assert open_voc(root, labels="SegmentationClassAug").read_labels(1) is None
    assert class_of(chosen, 0) == 1
    assert automatic.labels_fingerprint() != chosen.labels_fingerprint()
    assert automatic.fingerprint() == chosen.fingerprint()


def test_images_alone_are_enough(root: Path) -> None:
    for folder in ("SegmentationClass", "Annotations"):
        for path in (root / folder).iterdir():
            path.unlink()
        (root / folder).rmdir()
    source = open_voc(root)
    assert (source.class_names, source.labels_fingerprint()) == (None, None)
    assert (source.read_labels(0), source.read_boxes(0)) == (None, None)


def test_without_validation_all_is_training(root: Path) -> None:
    (root / "ImageSets/Segmentation/val.txt").unlink()
    source = open_voc(root, val_split=None)
    assert source.n_train == len(source) == 2


def test_missing_lists_are_named(root: Path) -> None:
    (root / "ImageSets/Segmentation/val.txt").unlink()
    with pytest.raises(InputError, match=r"data\.val_split.*val\.txt"):
        open_voc(root)
    with pytest.raises(InputError, match=r"data\.train_split.*trainaug\.txt.*ImageSets/Segmentation.*SBD"):
        open_voc(root, train_split="trainaug")
    with pytest.raises(InputError, match=r"data\.labels: .*SegmentationClassAug is not there; .*SegmentationClass"):
        open_voc(root, labels="SegmentationClassAug", val_split=None)


@pytest.mark.parametrize("pattern", ["{}", "{} -1", "/JPEGImages/{0}.jpg /SegmentationClassAug/{0}.png"])
def test_lists_of_sbd_of_main_and_of_the_user_are_read(root: Path, tmp_path: Path, pattern: str) -> None:
    lines = "\n".join(pattern.format(name) for name in ("2008_000001", "2007_000032"))
    (root / "ImageSets/Segmentation/trainaug.txt").write_text(lines)
    own = tmp_path / "own.txt"
    own.write_text(lines)
    for split in ("trainaug", str(own)):
        source = open_voc(root, train_split=split)
        assert list(source.ids) == ["2007_000032", "2008_000001", "2007_000033"]
        assert source.read_labels(1) is None


def test_classes_of_another_data_set_in_this_layout(root: Path) -> None:
    source = open_voc(root, class_names=["background", "cell"])
    assert source.class_names == ("background", "cell")
    with pytest.raises(InputError, match="class index 20, but there are only 2 classes"):
        source.read_labels(1)


def test_objects_have_the_class_of_their_pixels_and_no_void_border(root: Path) -> None:
    labels = np.zeros((8, 12), dtype=np.uint8)
    labels[1:7, 1:5], labels[1:7, 6:11] = 255, 255
    labels[2:6, 2:4], labels[2:6, 7:10] = 5, 12
    objects = np.where(labels == 255, 255, 0).astype(np.uint8)
    objects[2:6, 2:4], objects[2:6, 7:9], objects[2:6, 9] = 1, 2, 3
    for folder, values in (("SegmentationClass", labels), ("SegmentationObject", objects)):
        image = Image.fromarray(values)
        image.putpalette(voc_palette())
        (root / folder).mkdir(exist_ok=True)
        image.save(root / folder / "2007_000032.png")
    instances = open_voc(root).read_instances(0)
    assert instances is not None
    assert instances.class_ids.tolist() == [5, 12, 12]
    assert not instances.is_crowd.any()
    masks = coco_mask.decode(list(instances.rles))
    np.testing.assert_array_equal(masks @ [1, 2, 3], np.where(objects == 255, 0, objects))
    assert open_voc(root).read_instances(1) is None


def test_objects_without_class_are_left_out(root: Path) -> None:
    objects = np.zeros((8, 12), dtype=np.uint8)
    objects[0, 0], objects[2:6, 3:9] = 1, 2
    (root / "SegmentationObject").mkdir()
    Image.fromarray(objects).save(root / "SegmentationObject/2007_000032.png")
    instances = open_voc(root).read_instances(0)
    assert instances is not None
    assert instances.class_ids.tolist() == [1]
    assert coco_mask.area(instances.rles[0]) == 24


def test_objects_of_another_size_are_named(root: Path) -> None:
    (root / "SegmentationObject").mkdir()
    Image.fromarray(np.ones((2, 2), dtype=np.uint8)).save(root / "SegmentationObject/2007_000032.png")
    with pytest.raises(InputError, match=r"SegmentationObject/2007_000032\.png"):
        open_voc(root).read_instances(0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2007_000033", "1 images are in both splits: 2007_000033"),
        ("2099_000001", r"1 of 4 images are missing: .*2099_000001\.jpg"),
        ("../../secret", r"train\.txt.*not a plain path"),
        ("/etc/passwd", "not a plain path"),
    ],
)
def test_wrong_lines_of_a_list_are_named(root: Path, line: str, message: str) -> None:
    (root / "ImageSets/Segmentation/train.txt").write_text(f"2007_000032\n2007_000039\n{line}\n")
    with pytest.raises(InputError, match=message):
        open_voc(root)


def test_another_folder_is_not_taken_for_voc(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.root.*JPEGImages"):
        open_voc(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "document type declarations are refused"),
        ('<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a><a/>'.encode("utf-16"), "not a VOC annotation"),
        (b"<annotation><object></object></annotation>", "no complete <bndbox>"),
        (b"<annotation>", "not a VOC annotation"),
        (ANNOTATION.replace("6.5", "six").encode(), "not a VOC annotation"),
    ],
)
def test_dangerous_or_broken_annotations_are_refused(root: Path, content: bytes, message: str) -> None:
    path = root / "Annotations" / "2007_000032.xml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        open_voc(root).read_boxes(0)
    assert str(path) in str(caught.value)


def test_an_annotation_without_objects_has_no_boxes(root: Path) -> None:
    (root / "Annotations" / "2007_000032.xml").write_text("<annotation></annotation>")
    boxes = open_voc(root).read_boxes(0)
    assert boxes is not None
    assert boxes.shape == (0, 4)
