"""Photos that are stored turned, and what was drawn on them in one frame or the other."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from helpers.coco_files import box
from maskdistill.data.coco.proposals import CocoMasks, likely_frame_of
from maskdistill.data.config import CocoConfig, FolderConfig
from maskdistill.data.errors import InputError
from maskdistill.data.sources.coco import CocoSource
from maskdistill.data.sources.decode import read_header, read_image
from maskdistill.data.sources.folder import FolderSource
from maskdistill.data.sources.frames import Header, frame_of, likely_frame, upright, upright_boxes
from maskdistill.data.stores.rle import Rle
from maskdistill.data.tally import Tally

ORIENTATIONS = range(1, 9)
STORED_HW = (6, 9)


def blob(size_hw: tuple[int, int] = STORED_HW) -> NDArray[np.uint8]:
    """A picture whose bright corner tells how it is turned."""
    pixels = np.zeros(size_hw, dtype=np.uint8)
    pixels[:2, :3] = 255
    return pixels


def write_turned(path: Path, orientation: int, pixels: NDArray[np.uint8]) -> Path:
    exif = Image.Exif()
    exif[0x112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, exif=exif)
    return path


def displayed(orientation: int, size_hw: tuple[int, int] = STORED_HW) -> NDArray[np.bool_]:
    """Where the bright corner is once the picture is upright, by the rules that Pillow itself follows."""
    pixels = upright(blob(size_hw), orientation)
    return np.asarray(pixels > 0)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_headers_and_pixels_agree(tmp_path: Path, orientation: int, suffix: str) -> None:
    path = write_turned(tmp_path / f"x.{suffix}", orientation, blob())
    header = read_header(path)
    assert header == Header(STORED_HW, orientation)
    pixels = read_image(path, 10_000)
    assert pixels.shape[:2] == header.displayed_hw
    np.testing.assert_array_equal(pixels[..., 0] > 0, displayed(orientation))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_boxes_turn_like_masks(orientation: int) -> None:
    turned = upright_boxes(np.asarray([[0, 0, 3, 2]], dtype=np.float32), Header(STORED_HW, orientation))
    rows, columns = np.nonzero(displayed(orientation))
    assert turned.tolist() == [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]


@pytest.mark.parametrize(
    ("orientation", "size_hw", "setting", "expected"),
    [
        (1, (6, 9), "auto", "displayed"),
        (1, None, "stored", "displayed"),
        (1, (9, 6), "auto", None),
        (6, (6, 9), "auto", "stored"),
        (6, (9, 6), "auto", "displayed"),
        (6, (9, 6), "stored", None),
        (6, (7, 7), "auto", None),
        (6, None, "auto", "otherwise"),
        (3, (6, 9), "auto", "otherwise"),
        (3, (6, 9), "stored", "stored"),
        (3, (6, 9), "displayed", "displayed"),
    ],
)
def test_the_size_tells_the_frame_where_it_can(
    orientation: int, size_hw: tuple[int, int] | None, setting: str, expected: str | None
) -> None:
    for otherwise in ("stored", "displayed"):
        found = frame_of(Header(STORED_HW, orientation), size_hw, setting, otherwise)  # type: ignore[arg-type]
        assert found == (otherwise if expected == "otherwise" else expected)


def test_other_images_tell_for_those_that_do_not() -> None:
    turned, square = Header(STORED_HW, 6), Header((6, 6), 6)
    assert likely_frame([(turned, (6, 9)), (turned, (6, 9)), (turned, (9, 6)), (square, (6, 6))]) == "stored"
    assert likely_frame([(square, (6, 6)), (Header(STORED_HW, 1), (6, 9))]) == "displayed"


def coco_file(path: Path, sizes_hw: dict[str, tuple[int, int]]) -> Path:
    """One box of 3 x 2 px in the corner of each image."""
    images = [
        {"id": i, "file_name": name, "height": h, "width": w} for i, (name, (h, w)) in enumerate(sizes_hw.items())
    ]
    annotations = [box(i, 1, 0, 0, 3, 2) for i in range(len(images))]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "thing"}]})
    )
    return path


def decoded(rles: list[Rle]) -> NDArray[np.bool_]:
    return np.asarray(coco_mask.decode(rles)[..., 0], dtype=bool)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_imported_masks_are_turned_with_the_pixels(tmp_path: Path, orientation: int) -> None:
    header = Header(STORED_HW, orientation)
    file = CocoMasks(coco_file(tmp_path / "x.json", {"a.png": STORED_HW}), setting="stored")
    tally = Tally()
    np.testing.assert_array_equal(decoded(file.masks_of(0, header, tally).rles), displayed(orientation))
    assert not tally.total


def test_imported_masks_of_squares_follow_the_others(tmp_path: Path) -> None:
    file = CocoMasks(coco_file(tmp_path / "x.json", {"a.png": STORED_HW, "b.png": (6, 6)}))
    headers = {0: Header(STORED_HW, 6), 1: Header((6, 6), 6)}
    file.otherwise = likely_frame_of(file, headers)  # type: ignore[arg-type]
    assert file.otherwise == "stored"
    np.testing.assert_array_equal(decoded(file.masks_of(1, headers[1], Tally()).rles), displayed(6, (6, 6)))


def coco_set(root: Path, orientations: dict[str, int], size_hw: tuple[int, int] = STORED_HW) -> Path:
    for name, orientation in orientations.items():
        write_turned(root / "train2017" / name, orientation, blob(size_hw))
    coco_file(root / "annotations/instances_train2017.json", dict.fromkeys(orientations, size_hw))
    return root


@pytest.mark.parametrize(("orientation", "frame"), [(6, "auto"), (8, "auto"), (3, "stored"), (6, "stored")])
def test_ground_truth_of_coco_is_turned_with_the_pixels(tmp_path: Path, orientation: int, frame: str) -> None:
    root = coco_set(tmp_path, {"a.png": orientation})
    source = CocoSource(
        CocoConfig.model_validate({"kind": "coco", "root": root, "annotations_val": None, "annotation_frame": frame})
    )
    labels, boxes, objects = source.read_labels(0), source.read_boxes(0), source.read_instances(0)
    assert labels is not None and boxes is not None and objects is not None
    np.testing.assert_array_equal(labels == 1, displayed(orientation))
    np.testing.assert_array_equal(decoded(list(objects.rles)), displayed(orientation))
    rows, columns = np.nonzero(displayed(orientation))
    assert boxes.tolist() == [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]
    assert not source.truth_remarks.total


def test_what_auto_takes_for_granted_is_noted(tmp_path: Path) -> None:
    root = coco_set(tmp_path, {"a.png": 3})
    source = CocoSource(CocoConfig(kind="coco", root=root, annotations_val=None))
    source.read_labels(0)
    assert "as they are displayed, which their size does not tell (data.annotation_frame) (train2017/a.png)" in str(
        source.truth_remarks
    )


@pytest.mark.parametrize("orientation", [3, 6])
def test_label_pngs_are_turned_with_the_pixels(tmp_path: Path, orientation: int) -> None:
    write_turned(tmp_path / "images/a.png", orientation, blob())
    (tmp_path / "labels").mkdir()
    Image.fromarray(blob() // 255).save(tmp_path / "labels/a.png")
    fields = {"kind": "folder", "root": tmp_path / "images", "labels": tmp_path / "labels"}
    names = {"class_names": ("background", "thing"), "annotation_frame": "stored"}
    labels = FolderSource(FolderConfig.model_validate(fields | names)).read_labels(0)
    assert labels is not None
    np.testing.assert_array_equal(labels == 1, displayed(orientation))
    automatic = FolderSource(FolderConfig.model_validate(fields | names | {"annotation_frame": "auto"}))
    assert (
        automatic.labels_fingerprint() != FolderSource(FolderConfig.model_validate(fields | names)).labels_fingerprint()
    )
    assert (automatic.read_labels(0) is not None) and automatic.truth_remarks.total == (orientation == 3)


def test_a_label_map_of_another_size_is_named(tmp_path: Path) -> None:
    write_turned(tmp_path / "images/a.png", 1, blob())
    (tmp_path / "labels").mkdir()
    Image.fromarray(blob((3, 4)) // 255).save(tmp_path / "labels/a.png")
    source = FolderSource(
        FolderConfig(kind="folder", root=tmp_path / "images", labels=tmp_path / "labels", class_names=("bg", "x"))
    )
    with pytest.raises(InputError, match=r"a\.png: a label map of 4 x 3 px, but its image has 9 x 6 px"):
        source.read_labels(0)
