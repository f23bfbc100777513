"""What every method that sorts patches must do: a new one in the registry is tested here by its name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from helpers.interruption import StopAfter
from helpers.same_artifacts import assert_same_labels
from helpers.sources import SealedSource
from helpers.stored_features import MODEL, with_features
from maskdistill.data.catalog import CODES, HEAD, PATCH_CLUSTERS
from maskdistill.data.errors import InputError
from maskdistill.data.stores.features import FeatureStore
from maskdistill.data.stores.labels import LabelStore
from maskdistill.stages.contract import ExecutionConfig, StageInputs, StageOutputs
from maskdistill.stages.correspond.config import CorrespondConfig
from maskdistill.stages.correspond.stage import run
from maskdistill.stages.progress import Progress, Silent
from maskdistill.stages.registry import CORRESPONDENCE

COMMON: dict[str, Any] = {
    "k": 3,
    "model": MODEL,
    "weights": "random",
    "normalise": "half",
    "code_dim": 8,
    "iterations": 4,
    "batch_size": 2,
    "precision": "fp32",
}
SETTINGS: dict[str, dict[str, Any]] = {"stego": {"points": 4}, "hidden_positives": {"pool": 8, "renew_every": 2}}
"""Of methods that would take long with their own defaults here."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> StageInputs:
    """Images whose ground truth nobody may read, and their tokens."""
    execution = ExecutionConfig(device="cpu", checkpoint_seconds=0)
    return with_features(
        StageInputs(SealedSource(), {}, execution=execution), tmp_path_factory.mktemp("run") / "tokens"
    )


@pytest.fixture(params=list(CORRESPONDENCE.methods))
def config(request: pytest.FixtureRequest) -> CorrespondConfig:
    """The settings of each method."""
    name = request.param
    own = {name: SETTINGS[name]} if name in SETTINGS else {}
    return CorrespondConfig.model_validate({**COMMON, "method": name, **own})


def made(
    config: CorrespondConfig, inputs: StageInputs, folder: Path, seed: int = 0, progress: Progress | None = None
) -> StageOutputs:
    return run(config, replace(inputs, seed=seed), folder, progress or Silent())


def test_every_pixel_of_every_image_gets_a_cluster(
    config: CorrespondConfig, inputs: StageInputs, tmp_path: Path
) -> None:
    found = made(config, inputs, tmp_path)
    labels = LabelStore.open(tmp_path / PATCH_CLUSTERS.file)
    assert found.items == len(labels) == len(inputs.source)
    for index, image_id in enumerate(labels.image_ids):
        label_map = labels.read(index)
        assert label_map.shape == inputs.source.read(inputs.source.index(image_id)).shape[:2]
        assert label_map.max() < 3
    assert sum(found.metrics["cluster_px"]) == sum(labels.read(index).size for index in range(len(labels)))
    if config.own.learns:
        codes = FeatureStore.open(tmp_path / CODES.file)
        assert codes.dim == 8
        np.testing.assert_allclose(np.linalg.norm(codes.read(0).astype(float), axis=2), 1, atol=1e-2)
    left = {path.name for path in tmp_path.iterdir()}
    assert not {name for name in left if name.endswith(".pt") or name in ("parts", "prepared")}


def test_the_same_seed_gives_the_same_and_another_one_other_weights(
    config: CorrespondConfig, inputs: StageInputs, tmp_path: Path
) -> None:
    for number, seed in enumerate((0, 0, 1)):
        made(config, inputs, tmp_path / str(number), seed)
    first, same, other = (load_file(tmp_path / str(number) / HEAD.file) for number in range(3))
    assert all(np.array_equal(first[name], same[name]) for name in first)
    assert any(not np.array_equal(first[name], other[name]) for name in first)
    assert_same_labels(*(LabelStore.open(tmp_path / str(number) / PATCH_CLUSTERS.file) for number in range(2)))


def test_a_killed_training_goes_on_and_ends_the_same(
    config: CorrespondConfig, inputs: StageInputs, tmp_path: Path
) -> None:
    if not config.own.learns:
        pytest.skip("nothing is trained")
    with pytest.raises(KeyboardInterrupt):
        made(config, inputs, tmp_path / "killed", progress=StopAfter(3, "train"))
    made(config, inputs, tmp_path / "killed")
    made(config, inputs, tmp_path / "whole")
    killed, whole = (load_file(tmp_path / name / HEAD.file) for name in ("killed", "whole"))
    assert all(np.array_equal(killed[name], whole[name]) for name in whole)


def test_quarters_of_images_count_as_images(config: CorrespondConfig, inputs: StageInputs, tmp_path: Path) -> None:
    five = config.model_copy(update={"five_crop": True, "iterations": 2})
    assert made(five, inputs, tmp_path).items == len(inputs.source)


@pytest.mark.parametrize("method", ["kmeans", "linkage"])
def test_more_clusters_than_patches_name_the_setting(method: str, inputs: StageInputs, tmp_path: Path) -> None:
    config = CorrespondConfig.model_validate({**COMMON, "method": method, "k": 254})
    with pytest.raises(InputError, match=r"correspond\.k: 254 clusters of \d+ patches"):
        made(config, inputs, tmp_path)


def test_codes_may_follow_colours(inputs: StageInputs, tmp_path: Path) -> None:
    config = CorrespondConfig.model_validate(
        {**COMMON, "stego": {"points": 3, "colours": 0.1, "interpolate": "tokens"}}
    )
    assert "colours" in made(config, inputs, tmp_path).metrics["losses"]


def test_without_a_background_labels_begin_with_1(
    config: CorrespondConfig, inputs: StageInputs, tmp_path: Path
) -> None:
    made(config.model_copy(update={"background": False, "crf": True, "iterations": 1}), inputs, tmp_path)
    labels = LabelStore.open(tmp_path / PATCH_CLUSTERS.file)
    values = np.unique(np.concatenate([labels.read(index).ravel() for index in range(len(labels))]))
    assert set(values) <= {1, 2, 3}


def test_settings_of_methods_that_are_not_chosen_are_no_part_of_the_key(config: CorrespondConfig) -> None:
    assert set(CORRESPONDENCE.methods) & set(config.used()) == {config.method}
