import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as coco_mask

from maskdistill.data.errors import CorruptArtifact, MissingArtifact
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder, merge_parts

Masks = NDArray[np.bool_]

# pycocotools 2.0.11 on numpy 2.4: every decode warns, whatever is passed to it.


def mask_stacks() -> st.SearchStrategy[Masks]:
    shapes = st.tuples(st.integers(0, 4), st.integers(1, 9), st.integers(1, 12))
    return shapes.flatmap(lambda shape: arrays(np.bool_, shape))


def build(stacks: list[Masks], prefix: str = "") -> MaskStore:
    builder = MaskStoreBuilder()
    for i, masks in enumerate(stacks):
        builder.add(f"{prefix}{i}.jpg", masks, scores=np.arange(len(masks)) / 8, clusters=np.arange(len(masks)))
    return builder.build()


def assert_equal(first: MaskStore, second: MaskStore) -> None:
    assert first.image_ids == second.image_ids
    for name in ("image", "size_hw", "bbox_xywh", "area", "score", "cluster", "offsets", "counts"):
        a, b = getattr(first, name), getattr(second, name)
        assert a.dtype == b.dtype, name
        np.testing.assert_array_equal(a, b, err_msg=name)


@given(st.lists(mask_stacks(), max_size=4))
def test_masks_come_back_exactly(stacks: list[Masks]) -> None:
    store = build(stacks)
    for image, masks in enumerate(stacks):
        kept = masks[masks.any(axis=(1, 2))]
        assert len(store.rows_of(image)) == len(kept)
        for row, mask in zip(store.rows_of(image), kept, strict=True):
            np.testing.assert_array_equal(store.decode(row), mask)
            assert store.rle(row) == coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            assert store.area[row] == mask.sum()
            ys, xs = np.nonzero(mask)
            tight = [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
            np.testing.assert_array_equal(store.bbox_xywh[row], tight)
        if len(kept):
            np.testing.assert_array_equal(store.decode_image(image), kept)
        else:
            assert store.decode_image(image).shape == (0, 0, 0)


@settings(max_examples=15, deadline=None)
@given(stacks=st.lists(mask_stacks(), max_size=3))
def test_disk_changes_nothing(stacks: list[Masks], tmp_path_factory: pytest.TempPathFactory) -> None:
    store = build(stacks)
    path = tmp_path_factory.mktemp("store") / "masks"
    store.save(path)
    assert_equal(MaskStore.open(path), store)


@given(stacks=st.lists(mask_stacks(), max_size=4), data=st.data())
def test_select_keeps_exactly_the_chosen_rows(stacks: list[Masks], data: st.DataObject) -> None:
    store = build(stacks)
    keep = data.draw(arrays(np.bool_, len(store)))
    chosen = store.select(keep)
    assert chosen.image_ids == store.image_ids
    for row, old in enumerate(np.flatnonzero(keep)):
        assert chosen.rle(row) == store.rle(int(old))
        assert chosen.image[row] == store.image[old]
        assert chosen.score[row] == store.score[old]
    assert len(chosen) == keep.sum()


@given(first=st.lists(mask_stacks(), max_size=3), second=st.lists(mask_stacks(), max_size=3))
def test_concatenated_parts_equal_one_store(first: list[Masks], second: list[Masks]) -> None:
    parts = [build(first, "a"), build(second, "b")]
    builder = MaskStoreBuilder()
    for prefix, stacks in (("a", first), ("b", second)):
        for i, masks in enumerate(stacks):
            builder.add(f"{prefix}{i}.jpg", masks, np.arange(len(masks)) / 8, np.arange(len(masks)))
    assert_equal(MaskStore.concatenate(parts), builder.build())


def test_images_without_masks_stay_listed(tmp_path: Path) -> None:
    builder = MaskStoreBuilder()
    builder.add("empty.jpg", np.zeros((0, 4, 5), dtype=bool))
    builder.add("blank.jpg", np.zeros((2, 4, 5), dtype=bool))
    builder.build().save(tmp_path / "masks")
    store = MaskStore.open(tmp_path / "masks")
    assert (store.image_ids, len(store)) == (("empty.jpg", "blank.jpg"), 0)
    assert len(MaskStore.concatenate([])) == 0


def test_images_are_found_by_their_id() -> None:
    builder = MaskStoreBuilder()
    builder.add("a", np.zeros((0, 2, 2), dtype=bool))
    builder.add("b", np.array([[[True, False, False], [False, False, False]]]))
    store = builder.build()
    assert ("a" in store, "b" in store, "c" in store) == (True, True, False)
    assert store.rows_of(store.index("b")) == range(1)
    with pytest.raises(KeyError):
        store.index("c")
    assert store.area_share.tolist() == [pytest.approx(1 / 6)]


def test_an_empty_mask_takes_its_own_score_with_it() -> None:
    masks = np.zeros((3, 2, 2), dtype=bool)
    masks[[0, 2], 0, 0] = True
    builder = MaskStoreBuilder()
    builder.add("a.jpg", masks, scores=[0.1, 0.2, 0.3], clusters=[1, 2, 3])
    store = builder.build()
    np.testing.assert_allclose(store.score, [0.1, 0.3])
    np.testing.assert_array_equal(store.cluster, [1, 3])


def test_stores_that_share_an_image_cannot_be_joined() -> None:
    part = build([np.ones((1, 2, 2), dtype=bool)])
    with pytest.raises(ValueError, match="share images"):
        MaskStore.concatenate([part, part])


def test_other_columns_leave_the_masks_alone() -> None:
    store = build([np.ones((2, 3, 3), dtype=bool)])
    changed = store.with_columns(cluster=[7, 8])
    np.testing.assert_array_equal(changed.cluster, [7, 8])
    np.testing.assert_array_equal(changed.score, store.score)
    assert changed.rle(1) == store.rle(1)


def test_parts_on_disk_are_merged(tmp_path: Path) -> None:
    parts = [build([np.ones((2, 3, 3), dtype=bool)], "a"), build([np.ones((1, 5, 4), dtype=bool)], "b")]
    for i, part in enumerate(parts):
        part.save(tmp_path / f"part{i}")
    merged = merge_parts([tmp_path / "part0", tmp_path / "part1"], tmp_path / "masks")
    assert_equal(merged, MaskStore.concatenate(parts))
    assert_equal(MaskStore.open(tmp_path / "masks"), merged)


def test_a_store_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingArtifact, match="no masks store"):
        MaskStore.open(tmp_path / "masks")


def _shorten(name: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        array = zarr.open_group(path, mode="r+")[name]
        assert isinstance(array, zarr.Array)
        array.resize((array.shape[0] - 1, *array.shape[1:]))

    return damage


def _set(name: str, values: ArrayLike) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        array = zarr.open_group(path, mode="r+")[name]
        assert isinstance(array, zarr.Array)
        array[...] = values

    return damage


def _overwrite(name: str, content: bytes) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        assert (path / name).is_file()
        (path / name).write_bytes(content)

    return damage


DAMAGES: dict[str, Callable[[Path], None]] = {
    "column too short": _shorten("score"),
    "offsets too short": _shorten("offsets"),
    "codes too short": _shorten("counts"),
    "offsets out of order": _set("offsets", [0, 9, 3, 12]),
    "image not listed": _set("image", [0, 0, 9]),
    "images out of order": _set("image", [1, 0, 0]),
    "id is not UTF-8": _set("image_ids/utf8", 0xFF),
    "ids out of order": _set("image_ids/offsets", [0, 9, 2]),
    "array gone": lambda path: shutil.rmtree(path / "area"),
    "ids gone": lambda path: shutil.rmtree(path / "image_ids"),
    "chunk gone": lambda path: (path / "counts/c/0").unlink(),
    "chunk cut off": _overwrite("counts/c/0", b"\x28\xb5\x2f\xfd\x00"),
    "array header is no JSON": _overwrite("area/zarr.json", b"{"),
    "header is no JSON": _overwrite("zarr.json", b"{"),
    "header is empty": _overwrite("zarr.json", b"{}"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_store_is_called_corrupt(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "masks"
    build([np.tri(4, 5, dtype=bool)[None].repeat(2, 0), np.ones((1, 3, 3), dtype=bool)]).save(path)
    MaskStore.open(path)
    damage(path)
    with pytest.raises(CorruptArtifact, match="masks"):
        MaskStore.open(path)


def test_another_kind_of_store_is_refused(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "other", mode="w").attrs.update({"maskdistill": "labels", "format": 1})
    with pytest.raises(CorruptArtifact, match="expected a masks store of format 1, found labels"):
        MaskStore.open(tmp_path / "other")


def test_an_image_may_have_more_masks_than_a_byte_counts(tmp_path: Path) -> None:
    """pycocotools itself fails on the areas of 256 masks and more."""
    masks = np.arange(40)[None, :, None] <= (np.arange(300) % 40)[:, None, None]
    masks = np.broadcast_to(masks, (300, 40, 50)).copy()
    builder = MaskStoreBuilder()
    builder.add("a.jpg", masks, scores=[0.5] * 300, clusters=[0] * 300)
    builder.build().save(tmp_path / "masks.zarr")
    store = MaskStore.open(tmp_path / "masks.zarr")
    np.testing.assert_array_equal(store.area, masks.sum((1, 2)))
    np.testing.assert_array_equal(store.decode_image(0), masks)
