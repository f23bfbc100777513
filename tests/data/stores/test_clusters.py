"""Clusters on disk, and the one place where masks and clusters come together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maskdistill.data.errors import CorruptArtifact, MissingArtifact
from maskdistill.data.stores.clusters import ClusterStore, read_cluster, read_k, with_clusters
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder


@pytest.fixture
def store() -> ClusterStore:
    rng = np.random.default_rng(0)
    return ClusterStore(
        embedding=rng.random((3, 4), dtype=np.float32),
        cluster=np.array([1, 0, 1], dtype=np.int32),
        distance=rng.random(3, dtype=np.float32),
        centroids=rng.random((2, 4), dtype=np.float32),
        scale=np.ones(4, dtype=np.float32),
    )


def masks(n: int) -> MaskStore:
    builder = MaskStoreBuilder()
    builder.add("photo", np.ones((n, 2, 3), dtype=bool))
    return builder.build()


def test_disk_changes_nothing(store: ClusterStore, tmp_path: Path) -> None:
    store.save(tmp_path / "clusters")
    again = ClusterStore.open(tmp_path / "clusters")
    for name in ("embedding", "cluster", "distance", "centroids", "scale"):
        np.testing.assert_array_equal(getattr(again, name), getattr(store, name), err_msg=name)
        assert getattr(again, name).dtype == getattr(store, name).dtype
    assert (len(again), again.k, read_k(tmp_path / "clusters")) == (3, 2, 2)
    assert read_cluster(tmp_path / "clusters").tolist() == [1, 0, 1]


def test_masks_get_their_clusters(store: ClusterStore, tmp_path: Path) -> None:
    store.save(tmp_path / "clusters")
    assert with_clusters(masks(3), tmp_path / "clusters").cluster.tolist() == [1, 0, 1]
    with pytest.raises(CorruptArtifact, match="3 clusters for 2 masks: run the cluster stage again"):
        with_clusters(masks(2), tmp_path / "clusters")
    for look in (ClusterStore.open, lambda path: with_clusters(masks(3), path)):
        with pytest.raises(MissingArtifact, match="no clusters store"):
            look(tmp_path / "elsewhere")


@pytest.mark.parametrize("wrong", [[1, 0, 2], [1, 0, -1]])
def test_clusters_that_do_not_exist_are_corrupt(store: ClusterStore, tmp_path: Path, wrong: list[int]) -> None:
    replace(store, cluster=np.array(wrong, dtype=np.int32)).save(tmp_path / "clusters")
    for look in (ClusterStore.open, lambda path: with_clusters(masks(3), path)):
        with pytest.raises(CorruptArtifact, match=r"does not exist \(there are 2\)"):
            look(tmp_path / "clusters")


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("embedding", (2, 4), "not one row for each of the 3 masks"),
        ("distance", (2,), "not one row for each of the 3 masks"),
        ("distance", (3, 1), "not one row for each of the 3 masks"),
        ("centroids", (2, 3), "do not have the 4 dimensions"),
        ("scale", (3,), "do not have the 4 dimensions"),
    ],
)
def test_columns_that_do_not_fit_are_corrupt(
    store: ClusterStore, tmp_path: Path, name: str, shape: tuple[int, ...], message: str
) -> None:
    changed = {"embedding": store.embedding, "distance": store.distance, "centroids": store.centroids}
    changed |= {"scale": store.scale, name: np.ones(shape, dtype=np.float32)}
    ClusterStore(cluster=store.cluster, **changed).save(tmp_path / "clusters")
    with pytest.raises(CorruptArtifact, match=message):
        ClusterStore.open(tmp_path / "clusters")
