import os
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from helpers.sources import write_image
from maskdistill.data.config import DataConfig, FolderConfig
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.open import open_source


def open_folder(root: Path, **fields: object) -> ImageSource:
    return open_source(FolderConfig.model_validate({"kind": "folder", "root": root, **fields}))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    for name in ("b.png", "a.JPG", "deep/er/c.jpeg", ".hidden.png", ".cache/d.png", "val/e.png", "validated/f.png"):
        write_image(root / name)
    (root / "notes.txt").write_text("no image")
    return root


def test_images_are_found_at_any_depth_and_sorted(root: Path) -> None:
    source = open_folder(root)
    assert list(source.ids) == ["a.JPG", "b.png", "deep/er/c.jpeg", "val/e.png", "validated/f.png"]
    assert source.n_train == len(source) == 5
    assert source.read(1).shape == (4, 6, 3)
    assert source.class_names is None
    assert source.labels_fingerprint() is None
    assert source.read_labels(0) is None
    assert source.read_boxes(0) is None


def test_one_subfolder_is_the_validation_split(root: Path) -> None:
    source = open_folder(root, val="val")
    assert list(source.ids) == ["a.JPG", "b.png", "deep/er/c.jpeg", "validated/f.png", "val/e.png"]
    assert source.n_train == 4
    assert not source.is_train("val/e.png")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"root": "nowhere"}, r"data\.root: there is no folder .*nowhere.*-s data\.root=DIR"),
        ({"val": "nowhere"}, r"data\.val: there is no folder"),
        ({"val": "empty"}, r"data\.val: there are no images"),
        ({"root": "empty"}, "no training images"),
        ({"root": "only", "val": "val"}, "no training images"),
        ({"labels": "nowhere", "class_names": ["bg", "cat"]}, r"data\.labels: there is no folder"),
    ],
)
def test_what_is_missing_is_named(root: Path, fields: dict[str, str], message: str) -> None:
    (root / "empty").mkdir()
    write_image(root / "only/val/a.png")
    if "root" in fields:
        fields = {**fields, "root": str(root / fields["root"])}
    with pytest.raises(InputError, match=message):
        open_folder(**{"root": root, **fields})  # type: ignore[arg-type]


def test_labels_below_the_images_are_no_images(root: Path) -> None:
    write_image(root / "labels/b.png", 1)
    write_image(root / "labels/deep/er/c.png", 255)
    source = open_folder(root, labels=root / "labels", class_names=["background", "cat"])
    assert len(source) == 5
    assert source.class_names == ("background", "cat")
    found = {image_id: source.read_labels(i) for i, image_id in enumerate(source.ids)}
    assert {name: labels.max() for name, labels in found.items() if labels is not None} == {
        "b.png": 1,
        "deep/er/c.jpeg": 255,
    }


def test_labels_without_names_are_a_configuration_error(root: Path) -> None:
    with pytest.raises(ValidationError, match=r"labels and class_names .* belong together"):
        open_folder(root, labels=root)


def test_a_class_file_names_classes_and_their_colours(root: Path) -> None:
    classes = root.parent / "classes.txt"
    classes.write_text("background 0 0 0\ntraffic light 250 170 30\ncat 7 8 9\nignore 224 224 192\n")
    colours = [[[0, 0, 0], [250, 170, 30], [7, 8, 9], [224, 224, 192]]]
    write_image(root / "labels/a.png", 2)
    write_image(root / "b.png", size_hw=(1, 4))
    write_image(root / "labels/b.png", np.asarray(colours, dtype=np.uint8))
    source = open_folder(root, labels=root / "labels", class_file=classes)
    assert source.class_names == ("background", "traffic light", "cat")
    grey, coloured = source.read_labels(source.index("a.JPG")), source.read_labels(source.index("b.png"))
    assert grey is not None
    assert coloured is not None
    assert grey.max() == grey.min() == 2
    assert coloured.tolist() == [[0, 1, 2, 255]]
    before = source.labels_fingerprint()
    classes.write_text("background\ntraffic light\ncat\n")
    plain = open_folder(root, labels=root / "labels", class_file=classes)
    assert plain.labels_fingerprint() != before
    with pytest.raises(InputError, match=r"b\.png.*this one is RGB"):
        plain.read_labels(plain.index("b.png"))


def test_a_colour_of_no_class_names_the_file(root: Path) -> None:
    (root.parent / "classes.txt").write_text("background 0 0 0\ncat 7 8 9\n")
    write_image(root / "labels/b.png", np.full((2, 2, 3), 77, dtype=np.uint8))
    source = open_folder(root, labels=root / "labels", class_file=root.parent / "classes.txt")
    with pytest.raises(InputError, match=r"b\.png.*\[77, 77, 77\]"):
        source.read_labels(source.index("b.png"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("background\n", "2 to 254 different class names"),
        ("background\ncat\ncat\n", "2 to 254 different class names"),
        ("background 0 0 0\ncat\n", "every line needs a colour"),
        ("background 0 0 0\ncat 0 0 0\n", "every line needs a colour"),
        (None, r"data\.class_file: the list .*classes\.txt cannot be read"),
    ],
)
def test_class_files_that_are_not_in_order_are_named(root: Path, content: str | None, message: str) -> None:
    path = root.parent / "classes.txt"
    if content is not None:
        path.write_text(content)
    (root / "labels").mkdir()
    with pytest.raises(InputError, match=message) as caught:
        open_folder(root, labels=root / "labels", class_file=path)
    assert str(path) in str(caught.value)


def test_numbers_in_a_class_name_are_no_colour(root: Path) -> None:
    (root.parent / "classes.txt").write_text("background\nroad 12 300 1\nlane 2\n")
    (root / "labels").mkdir()
    source = open_folder(root, labels=root / "labels", class_file=root.parent / "classes.txt")
    assert source.class_names == ("background", "road 12 300 1", "lane 2")


def test_a_name_that_is_not_utf_8_is_named(root: Path) -> None:
    try:
        (Path(os.fsdecode(os.fsencode(root) + b"/\xff.png"))).touch()
    except OSError:
        pytest.skip("this file system allows UTF-8 names only")
    with pytest.raises(InputError, match="not valid UTF-8"):
        open_folder(root)


def _copy(root: Path, target: Path) -> Path:
    for path in root.rglob("*.*"):
        if path.is_file():
            copy = target / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
            os.utime(copy, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    return target


@pytest.mark.parametrize("mode", ["stat", "content"])
def test_the_place_of_a_folder_is_not_in_its_fingerprint(root: Path, tmp_path: Path, mode: str) -> None:
    moved = open_folder(_copy(root, tmp_path / "elsewhere"), fingerprint=mode)
    assert moved.fingerprint() == open_folder(root, fingerprint=mode).fingerprint()


def test_the_fingerprint_follows_files_split_and_limit(root: Path) -> None:
    seen = {open_folder(root).fingerprint()}
    seen.add(open_folder(root, val="val").fingerprint())
    seen.add(open_folder(root, max_pixels=5).fingerprint())
    os.utime(root / "b.png", ns=(1, 1))
    seen.add(open_folder(root).fingerprint())
    (root / "b.png").rename(root / "bb.png")
    seen.add(open_folder(root).fingerprint())
    write_image(root / "new.png")
    seen.add(open_folder(root).fingerprint())
    assert len(seen) == 6
    assert open_folder(root, max_failure_rate=0.5).fingerprint() in seen


def test_content_fingerprints_see_bytes_and_not_times(root: Path) -> None:
    before = open_folder(root, fingerprint="content").fingerprint()
    os.utime(root / "b.png", ns=(1, 1))
    assert open_folder(root, fingerprint="content").fingerprint() == before
    content = bytearray((root / "b.png").read_bytes())
    content[-1] ^= 1
    (root / "b.png").write_bytes(content)
    assert open_folder(root, fingerprint="content").fingerprint() != before


def test_labels_have_a_fingerprint_of_their_own(root: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "labels/b.png", 1)
    fields = {"labels": tmp_path / "labels", "class_names": ["background", "cat"]}
    source = open_folder(root, **fields)
    labels = source.labels_fingerprint()
    assert source.fingerprint() == open_folder(root).fingerprint()
    write_image(tmp_path / "labels/a.png", 1)
    assert source.labels_fingerprint() not in (labels, None)
    assert open_folder(root, **{**fields, "class_names": ["background", "dog"]}).labels_fingerprint() != labels


@pytest.mark.parametrize("kind", ["folder", "voc", "coco"])
def test_kind_and_root_are_all_that_is_needed(kind: str) -> None:
    config = TypeAdapter(DataConfig).validate_python({"kind": kind, "root": "somewhere"})
    assert (config.kind, config.max_failure_rate) == (kind, 0.01)
