"""A damaged store is an error; nothing of it is ever read as another value."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskdistill.data.errors import MaskDistillError
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.features import FeatureStore
from maskdistill.data.stores.labels import LabelStore, write_labels
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.data.stores.write_features import write_features

N = 6


def save_masks(path: Path) -> None:
    rng, builder = np.random.default_rng(0), MaskStoreBuilder()
    for index in range(N):
        builder.add(f"image{index}", rng.random((2, 20, 30)) > 0.5, rng.random(2), [index, -1])
    builder.build().save(path)


def save_labels(path: Path) -> None:
    rng = np.random.default_rng(0)
    write_labels(path, [(f"image{i}", rng.integers(0, 5, (20, 30), dtype=np.uint8)) for i in range(N)])


def save_clusters(path: Path) -> None:
    rng = np.random.default_rng(0)
    cluster = rng.integers(0, 3, N, dtype=np.int32)
    embedding, distance, centroids, scale = (rng.random(shape).astype(np.float32) for shape in ((N, 4), N, (3, 4), 4))
    ClusterStore(embedding, cluster, distance, centroids, scale).save(path)


def save_features(path: Path) -> None:
    rng = np.random.default_rng(0)
    with write_features(path, 4, {"of": "a test"}, mirrored=True) as writer:
        for i in range(N):
            tokens = rng.random((2, 3, 4)).astype(np.float16)
            writer.add(i, f"image{i}", (20, 30), tokens, tokens[:, ::-1], counts=True)


def read_labels(path: Path) -> list[Any]:
    store = LabelStore.open(path)
    return [store.image_ids, *(store.read(index).tolist() for index in range(len(store)))]


def read_features(path: Path) -> list[Any]:
    store = FeatureStore.open(path)
    maps = [store.read(i, mirrored=mirrored).tolist() for i in range(len(store)) for mirrored in (False, True)]
    return [store.image_ids, store.mean.tolist(), store.description, *maps]


def read_columns(store: object) -> list[Any]:
    return [value.tolist() if isinstance(value, np.ndarray) else value for value in vars(store).values()]


KINDS: dict[str, tuple[Callable[[Path], None], Callable[[Path], list[Any]]]] = {
    "masks": (save_masks, lambda path: read_columns(MaskStore.open(path))),
    "labels": (save_labels, read_labels),
    "clusters": (save_clusters, lambda path: read_columns(ClusterStore.open(path))),
    "features": (save_features, read_features),
}


def chunks(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file() and file.name != "zarr.json")


@pytest.mark.parametrize("kind", KINDS)
def test_no_damage_of_a_chunk_is_read_as_a_value(tmp_path: Path, kind: str) -> None:
    save, read = KINDS[kind]
    path, rng = tmp_path / "store.zarr", random.Random(0)
    save(path)
    sound = read(path)
    for file in chunks(path):
        content = file.read_bytes()
        flipped = bytearray(content)
        flipped[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        for damaged in (bytes(flipped), content[:-1], content + b"\0", bytes(len(content)), b""):
            file.write_bytes(damaged)
            with pytest.raises(MaskDistillError):
                read(path)
        file.unlink()
        with pytest.raises(MaskDistillError):
            read(path)
        file.write_bytes(content)
    assert read(path) == sound


@pytest.mark.parametrize("kind", KINDS)
def test_damage_of_a_description_is_an_error_or_harmless(tmp_path: Path, kind: str) -> None:
    save, read = KINDS[kind]
    path, rng = tmp_path / "store.zarr", random.Random(0)
    save(path)
    sound = read(path)
    for file in sorted(path.rglob("zarr.json")):
        content = file.read_bytes()
        for place in [rng.randrange(len(content)) for _ in range(8)]:
            file.write_bytes(content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :])
            with suppress(MaskDistillError):
                assert read(path) == sound or file == path / "zarr.json"
        file.write_bytes(content)


def test_a_chunk_that_goes_while_a_store_is_open_is_not_read_as_zeros(tmp_path: Path) -> None:
    save_labels(tmp_path / "labels.zarr")
    store = LabelStore.open(tmp_path / "labels.zarr")
    for file in chunks(tmp_path / "labels.zarr" / "pixels"):
        file.unlink()
    with pytest.raises(MaskDistillError, match="missing"):
        store.read(0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("score", 1.44), ("score", -0.1), ("score", np.nan), ("area", 0), ("area", 20 * 30 + 1), ("cluster", -2)],
)
def test_a_number_that_no_mask_can_have_is_an_error(tmp_path: Path, name: str, value: float) -> None:
    save_masks(tmp_path / "masks.zarr")
    store = MaskStore.open(tmp_path / "masks.zarr")
    column = getattr(store, name).copy()
    column[3] = value
    replace(store, **{name: column}).save(tmp_path / "bad.zarr")
    with pytest.raises(MaskDistillError, match=f"{name} of mask 3"):
        MaskStore.open(tmp_path / "bad.zarr")


@pytest.mark.parametrize(
    ("name", "row"), [("size_hw", [0, 30]), ("bbox_xywh", [0, 0, 31, 1]), ("bbox_xywh", [-1, 0, 2, 2])]
)
def test_a_size_or_a_box_outside_the_image_is_an_error(tmp_path: Path, name: str, row: list[int]) -> None:
    save_masks(tmp_path / "masks.zarr")
    store = MaskStore.open(tmp_path / "masks.zarr")
    column = getattr(store, name).copy()
    column[2] = row
    replace(store, **{name: column}).save(tmp_path / "bad.zarr")
    with pytest.raises(MaskDistillError, match="of mask 2"):
        MaskStore.open(tmp_path / "bad.zarr")


def test_a_store_that_was_checked_is_read_as_needed_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "masks.zarr"
    save_masks(path)
    first, again = MaskStore.open(path), MaskStore.open(path)
    assert "counts" not in vars(again)
    assert again.image_ids == first.image_ids
    assert read_columns(first)[1:] == [getattr(again, name).tolist() for name in list(vars(first))[1:]]
    assert len(again.select(again.score > 0.5)) == int((first.score > 0.5).sum())
    [chunk] = [file for file in chunks(path) if "score" in file.parts]
    chunk.write_bytes(chunk.read_bytes() + b"\0")
    with pytest.raises(MaskDistillError):
        MaskStore.open(path)


@pytest.mark.parametrize("n", [255, 256, 1000])
def test_any_number_of_masks_in_an_image(n: int) -> None:
    builder = MaskStoreBuilder()
    mask = np.zeros((1, 10, 10), dtype=bool)
    mask[:, 2:4, 2:5] = True
    builder.add("crowd", np.repeat(mask, n, axis=0))
    store = builder.build()
    assert store.area.tolist() == [6] * n
