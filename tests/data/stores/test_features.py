"""Patch tokens come back as they were given, from one part or many, and what is lost is said."""

import shutil
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from maskdistill.data.errors import CorruptArtifact, InputError, MissingArtifact
from maskdistill.data.stores.features import FeatureStore
from maskdistill.data.stores.write_features import join_features, write_features

DIM = 4096
"""So many that 128 patches fill a chunk."""
DESCRIPTION = {"blocks": [1, 2]}


class Photo(NamedTuple):
    """What is stored of an image."""

    image_id: str
    size_hw: tuple[int, int]
    tokens: NDArray[np.float16]
    mirrored: NDArray[np.float16]
    counts: bool


@cache
def make_photos(grids: tuple[tuple[int, int], ...] = ((10, 20), (3, 4), (1, 1), (15, 9))) -> list[Photo]:
    """Random tokens of a mean that is not 0; all but the last image count."""
    rng = np.random.default_rng(0)
    drawn = [[rng.normal(3, 2, (*grid, DIM)).astype(np.float16) for _ in range(2)] for grid in grids]
    return [
        Photo(f"ä/{i}.jpg", (16 * h + i, 16 * w), drawn[i][0], drawn[i][1], i < len(grids) - 1)
        for i, (h, w) in enumerate(grids)
    ]


def write(path: Path, photos: Sequence[Photo], order: Sequence[int] | None = None, *, mirrored: bool = True) -> Path:
    """Write a store of one part, its images given in some order."""
    with write_features(path, DIM, DESCRIPTION, mirrored=mirrored) as writer:
        for item in range(len(photos)) if order is None else order:
            image_id, size_hw, tokens, turned, counts = photos[item]
            writer.add(item, image_id, size_hw, tokens, turned if mirrored else None, counts=counts)
    return path


def assert_holds(store: FeatureStore, photos: Sequence[Photo]) -> None:
    assert store.image_ids == tuple(photo.image_id for photo in photos)
    assert (store.dim, store.mirrored, store.description) == (DIM, True, DESCRIPTION)
    assert store.size_hw.dtype == store.grid_hw.dtype == np.int32
    for i, photo in enumerate(photos):
        assert store.index(photo.image_id) == i
        assert tuple(store.size_hw[i]) == photo.size_hw
        assert tuple(store.grid_hw[i]) == photo.tokens.shape[:2]
        for mirrored, expected in ((False, photo.tokens), (True, photo.mirrored)):
            found = store.read(i, mirrored=mirrored)
            assert found.dtype == np.float16
            np.testing.assert_array_equal(found, expected)


def test_tokens_come_back_in_the_order_of_the_images(tmp_path: Path) -> None:
    photos = make_photos()
    assert_holds(FeatureStore.open(write(tmp_path / "features", photos, order=[2, 3, 0, 1])), photos)


@pytest.mark.parametrize("cuts", [[2], [1, 1, 3], [0, 4]], ids=str)
def test_parts_hold_what_the_whole_does_and_outlive_their_folders(cuts: list[int], tmp_path: Path) -> None:
    photos = make_photos()
    bounds = [0, *cuts, len(photos)]
    parts = [write(tmp_path / f"part{i}", photos[start:stop]) for i, (start, stop) in enumerate(pairwise(bounds))]
    joined = join_features(parts, tmp_path / "joined")
    for part in parts:
        shutil.rmtree(part)
    assert_holds(joined, photos)
    assert_holds(join_features([tmp_path / "joined"], tmp_path / "again"), photos)


def test_the_statistics_are_those_of_the_images_that_count(tmp_path: Path) -> None:
    photos = make_photos()
    parts = [write(tmp_path / "a", photos[:1]), write(tmp_path / "b", photos[1:])]
    store = join_features(parts, tmp_path / "joined")
    tokens = np.concatenate([photo.tokens.reshape(-1, DIM) for photo in photos[:-1]]).astype(np.float64)
    assert store.mean.dtype == store.std.dtype == np.float32
    np.testing.assert_allclose(store.mean, tokens.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(store.std, tokens.std(axis=0), rtol=1e-6)


def test_numbers_that_never_change_have_a_deviation_to_divide_by(tmp_path: Path) -> None:
    photo = make_photos(((2, 3),))[0]
    constant = photo._replace(tokens=np.full_like(photo.tokens, 7.1), counts=True)
    store = FeatureStore.open(write(tmp_path / "features", [constant]))
    np.testing.assert_allclose(store.std, 1e-6, atol=1e-5)
    assert (store.std >= 1e-6).all()


def test_a_store_without_mirror_images_says_so(tmp_path: Path) -> None:
    photos = make_photos()
    store = FeatureStore.open(write(tmp_path / "features", photos, mirrored=False))
    assert not store.mirrored
    np.testing.assert_array_equal(store.read(1), photos[1].tokens)
    with pytest.raises(InputError, match=r"features\.mirror=true"):
        store.read(1, mirrored=True)


def test_a_store_of_no_images_is_one(tmp_path: Path) -> None:
    empty = write(tmp_path / "empty", [])
    assert len(FeatureStore.open(empty)) == 0
    photos = make_photos()
    assert_holds(join_features([empty, write(tmp_path / "full", photos), empty], tmp_path / "joined"), photos)


def test_an_unknown_image_is_a_key_error_and_no_store_is_missing(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        FeatureStore.open(write(tmp_path / "features", make_photos(((1, 2),)))).index("b.jpg")
    with pytest.raises(MissingArtifact, match="no features store"):
        FeatureStore.open(tmp_path / "elsewhere")


@pytest.mark.parametrize("name", ["tokens", "mirrored"])
def test_a_lost_chunk_is_an_error_and_never_zeros(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "features", make_photos())
    (path / name / "c/1").unlink()
    with pytest.raises(CorruptArtifact, match="chunks are missing"):
        FeatureStore.open(path)


def test_a_changed_bit_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "features", make_photos())
    chunk = path / "tokens/c/0"
    damaged = bytearray(chunk.read_bytes())
    damaged[1000] ^= 1
    chunk.write_bytes(damaged)
    with pytest.raises(CorruptArtifact, match="cannot be read"):
        FeatureStore.open(path).read(0)


@pytest.mark.parametrize("grid", [(10, 21), (100, 20)], ids=["over the next image", "over the end"])
def test_columns_that_do_not_fit_are_corrupt(grid: tuple[int, int], tmp_path: Path) -> None:
    path = write(tmp_path / "features", make_photos())
    grids = zarr.open_group(path, mode="r+")["grid_hw"]
    assert isinstance(grids, zarr.Array)
    grids[0] = grid
    with pytest.raises(CorruptArtifact, match="'tokens' do not fit"):
        FeatureStore.open(path)


def test_parts_of_other_tokens_are_not_joined(tmp_path: Path) -> None:
    first = write(tmp_path / "first", make_photos(((1, 2),)))
    with write_features(tmp_path / "other", DIM, {"blocks": [0, 2]}, mirrored=True):
        pass
    with pytest.raises(CorruptArtifact, match="other tokens"):
        join_features([first, tmp_path / "other"], tmp_path / "joined")


def test_parts_on_another_disk_are_copied(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one file system only")
    with TemporaryDirectory(dir=memory) as elsewhere:
        part = write(Path(elsewhere) / "part", make_photos())
        assert_holds(join_features([part], tmp_path / "joined"), make_photos())


def test_a_writing_that_fails_leaves_nothing(tmp_path: Path) -> None:
    photo = make_photos(((2, 3),))[0]
    with pytest.raises(ValueError, match="mirror image"):
        write(tmp_path / "features", [photo._replace(mirrored=photo.mirrored[:1])])
    assert list(tmp_path.iterdir()) == []
