from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.errors import CorruptArtifact, MissingArtifact
from maskdistill.data.stores.labels import LabelStore, merge_label_parts, paint, write_labels

label_maps = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=9))


@settings(max_examples=8, deadline=None)
@given(maps=st.lists(label_maps, max_size=4), split=st.integers(0, 4))
def test_maps_come_back_whole_and_in_parts(
    maps: list[UInt8Array], split: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("labels")
    pairs = [(f"ä/{i}.jpg", label_map) for i, label_map in enumerate(maps)]
    write_labels(folder / "whole", pairs)
    write_labels(folder / "part0", pairs[:split])
    write_labels(folder / "part1", pairs[split:])
    merged = merge_label_parts([folder / "part0", folder / "part1"], folder / "merged")
    for store in (LabelStore.open(folder / "whole"), merged):
        assert len(store) == len(maps)
        for image_id, label_map in pairs:
            read = store.read(store.index(image_id))
            assert read.dtype == np.uint8
            np.testing.assert_array_equal(read, label_map)


def test_an_unknown_image_is_a_key_error(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels", [("a.jpg", np.zeros((2, 3), dtype=np.uint8))])
    with pytest.raises(KeyError):
        LabelStore.open(tmp_path / "labels").index("b.jpg")


def test_a_store_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingArtifact, match="no labels store"):
        LabelStore.open(tmp_path / "labels")


def test_columns_that_do_not_fit_are_corrupt(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels", [("a.jpg", np.zeros((2, 3), dtype=np.uint8))])
    sizes = zarr.open_group(tmp_path / "labels", mode="r+")["size_hw"]
    assert isinstance(sizes, zarr.Array)
    sizes[...] = [[3, 3]]
    with pytest.raises(CorruptArtifact, match="do not fit"):
        LabelStore.open(tmp_path / "labels")


def test_damaged_pixels_are_corrupt_when_lost_and_when_cut_off(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels", [("a.jpg", np.zeros((20, 30), dtype=np.uint8))])
    chunk = tmp_path / "labels/pixels/c/0"
    chunk.write_bytes(chunk.read_bytes()[:4])
    with pytest.raises(CorruptArtifact, match="cannot be read"):
        LabelStore.open(tmp_path / "labels").read(0)
    chunk.unlink()
    with pytest.raises(CorruptArtifact, match="chunks are missing"):
        LabelStore.open(tmp_path / "labels")


def test_the_first_mask_is_painted_on_top() -> None:
    masks = np.zeros((2, 2, 3), dtype=bool)
    masks[0, :, :2] = True
    masks[1, :, 1:] = True
    assert paint(masks, [5, 9], (2, 3)).tolist() == [[5, 5, 9], [5, 5, 9]]


def test_no_masks_paint_background() -> None:
    assert paint(np.zeros((0, 0, 0), dtype=bool), [], (2, 2)).tolist() == [[0, 0], [0, 0]]


def test_each_mask_needs_its_value() -> None:
    with pytest.raises(ValueError, match="zip"):
        paint(np.ones((2, 2, 2), dtype=bool), [1], (2, 2))
