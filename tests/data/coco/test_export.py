"""COCO files of mask stores: there and back, and read by pycocotools."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools.coco import COCO

from maskdistill.data.coco.export import write_coco
from maskdistill.data.coco.proposals import read_coco
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder

Sizes = dict[str, tuple[int, int]]

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
float32 = st.floats(allow_nan=False, allow_infinity=False, width=32)


@st.composite
def stores(draw: st.DrawFn) -> tuple[MaskStore, Sizes]:
    """Any store, and the size of each of its images."""
    builder = MaskStoreBuilder()
    sizes: Sizes = {}
    for name in draw(st.lists(names, unique=True, max_size=4)):
        sizes[name] = (draw(st.integers(1, 9)), draw(st.integers(1, 12)))
        masks = draw(arrays(np.bool_, (draw(st.integers(0, 3)), *sizes[name])))
        scores = draw(st.lists(float32, min_size=len(masks), max_size=len(masks)))
        clusters = draw(st.lists(st.integers(-1, 6), min_size=len(masks), max_size=len(masks)))
        builder.add(name, masks, scores, clusters)
    return builder.build(), sizes


@settings(max_examples=60, deadline=None)
@given(stores())
def test_export_import_export_is_the_identity(
    tmp_path_factory: pytest.TempPathFactory, stored: tuple[MaskStore, Sizes]
) -> None:
    store, sizes = stored
    folder = tmp_path_factory.mktemp("coco")
    write_coco(store, folder / "first.json", sizes.__getitem__)
    again, read_sizes = read_coco(folder / "first.json")
    write_coco(again, folder / "second.json", read_sizes.__getitem__)
    assert (folder / "second.json").read_bytes() == (folder / "first.json").read_bytes()
    assert read_sizes == sizes
    assert again.image_ids == store.image_ids
    for name in ("image", "size_hw", "bbox_xywh", "area", "score", "cluster", "offsets", "counts"):
        np.testing.assert_array_equal(getattr(again, name), getattr(store, name), err_msg=name)
    assert json.loads((folder / "first.json").read_bytes()) == store.to_coco(sizes)


def two_images() -> tuple[MaskStore, Sizes]:
    builder = MaskStoreBuilder()
    masks = np.zeros((2, 10, 12), dtype=bool)
    masks[0, 2:5, 3:6] = True
    masks[1, :, 11] = True
    builder.add("a/first.jpg", masks, scores=[0.9, 0.25], clusters=[1, -1])
    builder.add("empty.jpg", np.zeros((0, 4, 4), dtype=bool))
    return builder.build(), {"empty.jpg": (4, 5)}


def test_the_entries_are_those_that_coco_defines() -> None:
    store, sizes = two_images()
    content = store.to_coco(sizes)
    assert content["images"] == [
        {"id": 1, "file_name": "a/first.jpg", "height": 10, "width": 12},
        {"id": 2, "file_name": "empty.jpg", "height": 4, "width": 5},
    ]
    assert [category["name"] for category in content["categories"]] == ["cluster 0", "cluster 1", "object"]
    first, second = content["annotations"]
    assert first == {
        "id": 1,
        "image_id": 1,
        "category_id": 2,
        "segmentation": {"size": [10, 12], "counts": "P137000j1"},
        "bbox": [3.0, 2.0, 3.0, 3.0],
        "area": 9,
        "iscrowd": 0,
        "score": 0.9,
    }
    assert (second["category_id"], second["bbox"]) == (3, [11.0, 0.0, 1.0, 10.0])
    assert "height" not in store.to_coco()["images"][1]


def test_pycocotools_reads_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, sizes = two_images()
    write_coco(store, tmp_path / "coco.json", sizes.__getitem__)
    coco = COCO(str(tmp_path / "coco.json"))
    assert coco.getImgIds() == [1, 2]
    assert [annotation["area"] for annotation in coco.loadAnns(coco.getAnnIds(imgIds=[1]))] == [9, 10]
    for row, annotation in enumerate(coco.loadAnns(coco.getAnnIds())):
        np.testing.assert_array_equal(coco.annToMask(annotation), store.decode(row))
    assert coco.getCatIds(catNms=["cluster 1"]) == [2]
