"""COCO data sets that are not in order: every fault is told with its file, its entry and its field."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.coco_files import Content, code_of, open_coco, train_content, write_annotations, write_coco_set
from maskdistill.data.errors import InputError

TOO_LONG = code_of(np.ones((20, 20), dtype=bool))["counts"]
"""It would run over the end of a mask of 10 x 12 px."""


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
        (_change("images", 1, to=5), r"images\[1\] must be an object"),
        (_change("images", 1, "file_name"), r"images\[1\]: field 'file_name' is missing"),
        (_change("images", 1, "height", to="10"), r"images\[1\]: field 'height' is str '10', it must be int"),
        (_change("images", 1, "id", to=7), "the id 7 occurs twice in images"),
        (_change("images", 1, "file_name", to="000007.jpg"), "listed twice"),
        (_change("images", 1, "file_name", to="../val2017/000100.jpg"), "not a plain path"),
        (_change("images", 1, "file_name", to="/etc/passwd"), "not a plain path"),
        (_change("images", 1, "file_name", to="gone.jpg"), r"1 of 3 images are missing: .*gone\.jpg"),
        (_change("images", to=[]), "no training images"),
        (_change("categories", 0, "name"), r"categories\[0\]: field 'name' is missing"),
        (_change("categories", 0, "name", to="brush"), "categories are not those of"),
        (_change("annotations"), "field 'annotations' is missing"),
        (_change("annotations", 0, "category_id"), r"annotations\[0\]: field 'category_id' is missing"),
        (_change("annotations", 0, "image_id", to=8), r"annotations\[0\]\.image_id: 8 is not among the file's images"),
        (_change("annotations", 0, "segmentation"), r"annotations\[0\]: field 'segmentation' is missing"),
        (_change("annotations", 0, "category_id", to=2), r"annotations\[0\]\.category_id: 2 is not among"),
        (
            _change("annotations", 0, "bbox", to=[1, 2]),
            r"annotations\[0\]: field 'bbox' is list \[1, 2\]",
        ),
        (_change("annotations", 0, "segmentation", to="x"), "field 'segmentation' is str 'x', it must be list of"),
        (_change("annotations", 0, "segmentation", to=[["a"] * 6]), r"annotations\[0\]\.segmentation"),
        (_change("annotations", 0, "segmentation", to={"size": [9, 9], "counts": [81]}), "the image is"),
        (_change("annotations", 0, "segmentation", to={"size": [10, 12], "counts": TOO_LONG}), "segmentation"),
        (_change("annotations", 0, "segmentation", to={"size": [10, 12], "counts": [500]}), "segmentation"),
        (_change("annotations", 0, "segmentation", to={"counts": [120]}), "segmentation"),
    ],
)
def test_every_fault_names_file_and_field(root: Path, change: Callable[[Content], Content], message: str) -> None:
    write_annotations(root, "train", change(train_content()))
    with pytest.raises(InputError, match=message) as caught:
        open_coco(root).read_labels(1)
    assert "instances_" in str(caught.value) or str(root) in str(caught.value)


@pytest.mark.parametrize("text", ["{", "", "[]", "[" * 100_000, "\xff"])
def test_what_is_no_annotation_file_is_named(root: Path, text: str) -> None:
    (root / "annotations/instances_train2017.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"instances_train2017\.json: (not valid JSON|a COCO annotation file)"):
        open_coco(root)
