"""Edits applied to masks and clusters."""

from pathlib import Path

import numpy as np
import pytest

from helpers.sources import BlobSource
from maskdistill.data.catalog import CLUSTERS, CURATED, CURATED_CLUSTERS, MINED, open_masks
from maskdistill.data.edits import ClusterEdits, Edits, ImageTags, MaskTags, Split, write_edits
from maskdistill.data.errors import InputError
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.data.stores.named_masks import mask_name
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.curate.apply import group_of, regroup
from maskdistill.stages.curate.config import CurateConfig
from maskdistill.stages.curate.stage import run
from maskdistill.stages.progress import Silent

K = 3


@pytest.fixture
def folders(tiny_source: BlobSource, tmp_path: Path) -> dict[str, Path]:
    """Two masks on each of six images; cluster 0 is two clouds, one of four masks and one of two."""
    folders = {name: tmp_path / name for name in ("mine", "cluster")}
    builder = MaskStoreBuilder()
    for image_id in tiny_source.ids:
        masks = np.zeros((2, 8, 8), dtype=bool)
        masks[0, :3, :3] = masks[1, 4:, 4:] = True
        builder.add(image_id, masks)
    builder.build().save(MINED.path(folders))
    angles = np.deg2rad([0, 1, 40, 2, 41, 3, 90, 91, 92, 180, 181, 182])
    embedding = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    cluster = np.repeat([0, 1, 2], [6, 3, 3]).astype(np.int32)
    centroids = np.stack([embedding[cluster == c].mean(axis=0) for c in range(K)])
    distance = np.linalg.norm(embedding - centroids[cluster], axis=1)
    ClusterStore(embedding, cluster, distance, centroids, np.ones(2, np.float32)).save(CLUSTERS.path(folders))
    return folders


def curate(source: BlobSource, folders: dict[str, Path], edits: Edits) -> tuple[StageOutputs, MaskStore, ClusterStore]:
    path, out = folders["mine"].parent / "edits.yaml", folders["mine"].parent / "out"
    write_edits(path, edits)
    out.mkdir()
    outputs = run(CurateConfig(edits=str(path)), StageInputs(source, folders), out, Silent())
    # In the form in which `mine` and `cluster` leave them.
    joined = open_masks("cluster", {"mine": out, "cluster": out})
    assert joined.cluster.tolist() == CURATED.open({"curate": out}).cluster.tolist()
    return outputs, joined, CURATED_CLUSTERS.open({"curate": out})


def test_excluded_masks_and_images_are_left_out(tiny_source: BlobSource, folders: dict[str, Path]) -> None:
    masks = MINED.open(folders)
    first, second, third = tiny_source.ids[:3]
    edits = Edits(
        images=ImageTags(excluded=(second,), flagged=(third,)),
        masks=MaskTags(excluded={first: (mask_name(masks, 1),)}, flagged={third: (mask_name(masks, 4),)}),
    )
    outputs, left, clusters = curate(tiny_source, folders, edits)
    assert outputs.items == len(left) == len(clusters) == 9
    assert left.image_ids == tuple(one for one in tiny_source.ids if one != second)
    assert [left.image_ids[image] for image in left.image.tolist()][:3] == [first, third, third]
    assert np.array_equal(left.decode(1), masks.decode(4))
    assert left.cluster.tolist() == clusters.cluster.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert outputs.metrics["excluded_masks"] == 3


def test_clusters_are_split_then_merged(folders: dict[str, Path]) -> None:
    store = CLUSTERS.open(folders)
    split = regroup(store, ClusterEdits(split=(Split(cluster=0, into=2),)))
    assert split.cluster.tolist() == [0, 0, 3, 0, 3, 0, 1, 1, 1, 2, 2, 2]
    assert split.k == 4
    split.check(Path("split"))
    assert (split.distance[:6] < 0.05).all()
    assert np.array_equal(split.distance[6:], store.distance[6:])
    both = regroup(store, ClusterEdits(split=(Split(cluster=0, into=2),), merged=((3, 1),)))
    assert both.cluster.tolist() == [0, 0, 1, 0, 1, 0, 1, 1, 1, 2, 2, 2]
    assert both.k == 4
    assert np.allclose(both.centroids[1], store.embedding[both.cluster == 1].mean(axis=0), atol=1e-6)
    assert group_of(ClusterEdits(split=(Split(cluster=0, into=2),), merged=((3, 1),)), K + 1) == [0, 1, 2, 1]


def test_without_edits_clusters_stay_the_same_object(folders: dict[str, Path]) -> None:
    store = CLUSTERS.open(folders)
    assert regroup(store, ClusterEdits(names={0: "dog"})) is store


@pytest.mark.parametrize(
    ("edits", "why"),
    [
        (Edits(images=ImageTags(excluded=("x.png",))), r"images\.excluded: x\.png: no such image"),
        (Edits(masks=MaskTags(excluded={"x.png": ("1 1 1 1 1",)})), r"masks\.excluded: x\.png: no such image"),
        (Edits(clusters=ClusterEdits(merged=((0, 3),))), r"clusters\.merged: there is no cluster 3; there are 3"),
        (Edits(clusters=ClusterEdits(merged=((0, 1), (1, 2)))), "1 stands in it twice"),
        (Edits(clusters=ClusterEdits(merged=((1,),))), "no group"),
        (Edits(clusters=ClusterEdits(split=(Split(cluster=1, into=4),))), "cluster 1 has only 3 masks"),
        (Edits(clusters=ClusterEdits(split=(Split(cluster=9, into=2),))), "there is no cluster 9"),
    ],
)
def test_what_is_not_there_is_refused(
    edits: Edits, why: str, tiny_source: BlobSource, folders: dict[str, Path]
) -> None:
    with pytest.raises(InputError, match=rf"edits\.yaml: .*{why}"):
        curate(tiny_source, folders, edits)


def test_all_masks_may_not_be_excluded(tiny_source: BlobSource, folders: dict[str, Path]) -> None:
    with pytest.raises(InputError, match="all masks are excluded"):
        curate(tiny_source, folders, Edits(images=ImageTags(excluded=tiny_source.ids)))
