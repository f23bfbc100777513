"""What each stage leaves is opened by its name, and masks and clusters only together where they belong together."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from maskdistill.data import catalog
from maskdistill.data.catalog import (
    CLUSTERS,
    DETECTOR,
    KEPT,
    LABELS,
    MASKS,
    MINED,
    OPENERS,
    PSEUDO_LABELS,
    OutputFile,
    OutputStore,
    open_masks,
    stages_read,
)
from maskdistill.data.errors import CorruptArtifact, InputError, MissingArtifact
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.masks import MaskStoreBuilder


def save_masks(folder: Path, n_masks: int) -> None:
    builder = MaskStoreBuilder()
    builder.add("photo", np.ones((n_masks, 2, 3), dtype=bool))
    folder.mkdir()
    builder.build().save(folder / MINED.file)


def save_clusters(folder: Path, cluster: list[int]) -> None:
    folder.mkdir()
    ClusterStore(
        embedding=np.zeros((len(cluster), 1), dtype=np.float32),
        cluster=np.array(cluster, dtype=np.int32),
        distance=np.zeros(len(cluster), dtype=np.float32),
        centroids=np.zeros((3, 1), dtype=np.float32),
        scale=np.ones(1, dtype=np.float32),
    ).save(folder / CLUSTERS.file)


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    return {name: tmp_path / name for name in ("mine", "cluster", "filter")}


def test_mined_masks_have_their_clusters_where_those_are_asked_for(folders: dict[str, Path]) -> None:
    save_masks(folders["mine"], 2)
    save_clusters(folders["cluster"], [2, 0])
    assert open_masks("mine", folders).cluster.tolist() == [-1, -1]
    assert open_masks("cluster", folders).cluster.tolist() == [2, 0]


def test_clusters_of_other_masks_are_refused(folders: dict[str, Path]) -> None:
    save_masks(folders["mine"], 3)
    save_clusters(folders["cluster"], [2, 0])
    with pytest.raises(CorruptArtifact, match="2 clusters for 3 masks"):
        open_masks("cluster", folders)


def test_a_folder_that_was_not_given_is_named(folders: dict[str, Path]) -> None:
    with pytest.raises(InputError, match="the artifact of distill"):
        open_masks("distill", folders)


def test_a_store_that_is_not_there_is_missing(folders: dict[str, Path]) -> None:
    folders["filter"].mkdir()
    for output in (KEPT, PSEUDO_LABELS):
        with pytest.raises(MissingArtifact, match=output.file):
            output.open(folders)


def test_every_stage_shows_masks_or_label_maps() -> None:
    assert MASKS.keys() | LABELS.keys() == {"mine", "cluster", "curate", "distill", "filter", "segment", "correspond"}
    assert all(stage in stages_read(stage) for stage in (*MASKS, *LABELS))
    assert all(MASKS[stage].stage in stages_read(stage) for stage in MASKS)


def test_nothing_stands_in_the_catalog_twice() -> None:
    outputs = [value for value in vars(catalog).values() if isinstance(value, OutputFile)]
    places = [(output.stage, output.file) for output in outputs]
    assert len(places) == len(set(places))
    assert {output.file for output in outputs if isinstance(output, OutputStore)} == set(OPENERS)


def test_a_file_lies_in_the_folder_of_its_stage(folders: dict[str, Path], tmp_path: Path) -> None:
    assert DETECTOR.path({"distill": tmp_path}) == tmp_path / "detector.safetensors"
    with pytest.raises(InputError, match="the artifact of distill"):
        DETECTOR.path(folders)


def test_names_of_files_cost_no_import_of_stores() -> None:
    code = "import sys, maskdistill.data.catalog; sys.exit('zarr' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
