"""The features stage as a whole, with an untrained ViT of two blocks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from helpers.interruption import StopAfter
from helpers.small_vit import MODEL, OVERRIDES, make_small_vit
from helpers.sources import BlobSource, MemorySource
from maskdistill.data.catalog import FEATURES
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.features import FeatureStore
from maskdistill.pipeline.engines.local import LocalEngine
from maskdistill.stages.contract import ExecutionConfig, StageInputs, StageOutputs
from maskdistill.stages.features.config import FeaturesConfig, default_blocks
from maskdistill.stages.features.stage import run
from maskdistill.stages.networks.resize import resize
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.networks.vit_weights import Architecture
from maskdistill.stages.networks.weights_file import save_weights
from maskdistill.stages.parts import Engine, InThisProcess
from maskdistill.stages.progress import Progress, Silent
from maskdistill.stages.weights import WeightsSource

HALF = 2e-3
"""What tokens may lose in 16 bits, 11 of them of mantissa."""


class Told(Silent):
    """A Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.done = 0

    def say(self, line: str) -> None:
        self.lines.append(line)

    def advance(self, n: int = 1, **info: float) -> None:
        self.done += n


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> FeaturesConfig:
    """Both blocks of the ViT, images at 32 px: D = 48, patches of 8 px."""
    path = tmp_path_factory.mktemp("vit") / "vit.safetensors"
    save_weights(path, make_small_vit(), Architecture(MODEL, OVERRIDES).described())
    weights = WeightsSource("file", str(path))
    return FeaturesConfig(model=MODEL, weights=weights, blocks=(0, -1), short_side=32, precision="fp32")


def extract(
    config: FeaturesConfig,
    source: ImageSource,
    workdir: Path,
    progress: Progress | None = None,
    *,
    part_size: int = 2,
    max_failure_rate: float = 0.01,
    engine: Engine | None = None,
) -> tuple[StageOutputs, FeatureStore]:
    execution = ExecutionConfig(device="cpu", batch_size=2, part_size=part_size)
    inputs = StageInputs(
        source, {}, execution=execution, max_failure_rate=max_failure_rate, engine=engine or InThisProcess()
    )
    outputs = run(config, inputs, workdir, progress or Silent())
    return outputs, FEATURES.open({"features": workdir})


def tokens_of(config: FeaturesConfig, pixels: NDArray[np.uint8], blocks: Sequence[int]) -> NDArray[np.float32]:
    """Map (h, w, D) of one image of whole patches, by the ViT itself."""
    assert config.model is not None
    assert config.weights is not None
    vit = load_vit(config.model, config.weights)
    image = (torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 255 - torch.tensor(vit.mean).view(3, 1, 1)) / (
        torch.tensor(vit.std).view(3, 1, 1)
    )
    with torch.inference_mode():
        maps = vit.patch_maps(image[None], blocks)
    return torch.cat(maps, dim=1)[0].permute(1, 2, 0).numpy()


@pytest.fixture(scope="module")
def made(config: FeaturesConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[StageOutputs, FeatureStore]:
    """The features of six images of two sizes."""
    return extract(config, BlobSource(), tmp_path_factory.mktemp("made"))


def test_each_image_has_the_tokens_of_its_blocks(
    made: tuple[StageOutputs, FeatureStore], config: FeaturesConfig
) -> None:
    outputs, store = made
    source = BlobSource()
    assert store.image_ids == source.ids
    assert len(store) == outputs.items == 6
    assert (outputs.metrics["dim"], outputs.metrics["blocks"]) == (store.dim, [0, 1]) == (48, [0, 1])
    assert store.description["architecture"]["overrides"] == OVERRIDES
    assert [store.description[name] for name in ("blocks", "short_side", "mirrored")] == [[0, 1], 32, True]
    for i, resized_hw in ((0, (48, 32)), (1, (32, 40))):  # 70 x 50 and 48 x 64 px, to whole patches
        assert tuple(store.size_hw[i]) == source.size_hw(i)
        assert tuple(store.grid_hw[i]) == (resized_hw[0] // 8, resized_hw[1] // 8)
        expected = tokens_of(config, resize(source.read(i), resized_hw), (0, 1))
        np.testing.assert_allclose(store.read(i), expected, rtol=HALF, atol=HALF)
        assert abs(expected).max() > 0.1


def test_a_mirrored_map_is_that_of_the_mirrored_image(
    made: tuple[StageOutputs, FeatureStore], config: FeaturesConfig, tmp_path: Path
) -> None:
    whole = {name: BlobSource().read(i)[:32, :48] for i, name in ((1, "a"), (2, "b"))}
    turned = {name: pixels[:, ::-1].copy() for name, pixels in whole.items()}
    _, store = extract(config, MemorySource(whole), tmp_path / "whole")
    _, other = extract(config, MemorySource(turned), tmp_path / "turned")
    for i in range(2):
        np.testing.assert_allclose(store.read(i, mirrored=True), other.read(i), rtol=HALF, atol=HALF)
        np.testing.assert_allclose(other.read(i, mirrored=True), store.read(i), rtol=HALF, atol=HALF)
        assert abs(store.read(i, mirrored=True) - store.read(i)[:, ::-1]).max() > 0.01


def test_the_statistics_are_those_of_the_training_images(made: tuple[StageOutputs, FeatureStore]) -> None:
    store, n_train = made[1], BlobSource().n_train
    tokens = np.concatenate([store.read(i).reshape(-1, store.dim) for i in range(n_train)]).astype(np.float64)
    np.testing.assert_allclose(store.mean, tokens.mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(store.std, tokens.std(axis=0), rtol=1e-5)


def test_a_resumed_run_repeats_no_part_and_gives_the_same(
    made: tuple[StageOutputs, FeatureStore], config: FeaturesConfig, tmp_path: Path
) -> None:
    source = BlobSource()
    with pytest.raises(KeyboardInterrupt):
        extract(config, source, tmp_path, StopAfter(3))
    part = tmp_path / "parts/00000000-00000002" / FEATURES.file / "zarr.json"
    written = part.stat().st_mtime_ns, part.stat().st_ino
    told = Told()

    class Looking(Told):
        def start(self, phase: str, total: int, unit: str) -> None:
            told.lines.append(str((part.stat().st_mtime_ns, part.stat().st_ino) == written))

    _, store = extract(config, source, tmp_path, Looking())
    assert told.lines == ["True"]
    assert_same_features(store, made[1])
    assert [path.name for path in tmp_path.iterdir()] == [FEATURES.file]


def test_parts_of_another_size_hold_the_same(
    made: tuple[StageOutputs, FeatureStore], config: FeaturesConfig, tmp_path: Path
) -> None:
    told = Told()
    _, store = extract(config, BlobSource(), tmp_path, told, part_size=6)
    assert_same_features(store, made[1])
    assert told.done == 6


def test_two_processes_write_the_same_bytes(
    made: tuple[StageOutputs, FeatureStore], config: FeaturesConfig, tmp_path: Path, importable: None
) -> None:
    _, store = extract(config, BlobSource(), tmp_path, engine=LocalEngine(2))
    first, second = made[1].path, store.path
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(second) for path in second.rglob("*") if path.is_file())
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names)


def test_unreadable_images_are_failures_and_not_in_the_store(config: FeaturesConfig, tmp_path: Path) -> None:
    source, told = BlobSource(unreadable=(0, 3)), Told()
    outputs, store = extract(config, source, tmp_path / "some", told, max_failure_rate=0.5)
    assert outputs.failures.keys() == {"blob0", "blob3"}
    assert store.image_ids == ("blob1", "blob2", "blob4", "blob5")
    assert told.done == 6
    with pytest.raises(InputError, match="1 of 6 images cannot be read"):
        extract(config, source, tmp_path / "none")


def test_without_mirror_images_half_is_stored(config: FeaturesConfig, tmp_path: Path) -> None:
    _, store = extract(config.model_copy(update={"mirror": False}), BlobSource(2, 2), tmp_path)
    assert not store.mirrored
    with pytest.raises(InputError, match="no mirror images"):
        store.read(0, mirrored=True)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [((0, 2), r"features\.blocks: 2 is out of range; this model has 2"), ((1, -1), r"names a block twice")],
)
def test_blocks_that_do_not_work_are_named(
    blocks: tuple[int, ...], message: str, config: FeaturesConfig, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        extract(config.model_copy(update={"blocks": blocks}), BlobSource(), tmp_path)


@pytest.mark.parametrize(
    ("n_blocks", "blocks"), [(12, (6, 9, 11)), (24, (12, 18, 23)), (4, (2, 3)), (2, (1,)), (1, (0,))]
)
def test_the_blocks_without_a_choice(n_blocks: int, blocks: tuple[int, ...]) -> None:
    assert default_blocks(n_blocks) == blocks
    assert FeaturesConfig().blocks_of(n_blocks) == blocks
    assert FeaturesConfig(blocks=(-1,)).blocks_of(n_blocks) == (-1,)


def assert_same_features(first: FeatureStore, second: FeatureStore) -> None:
    assert first.image_ids == second.image_ids
    np.testing.assert_array_equal(first.grid_hw, second.grid_hw)
    np.testing.assert_allclose(first.mean, second.mean, rtol=1e-6)
    np.testing.assert_allclose(first.std, second.std, rtol=1e-6)
    for i in range(len(first)):
        for mirrored in (False, True):
            # An image's batch may differ with the parts, and the order of sums with it.
            options: dict[str, Any] = {"rtol": 1e-3, "atol": 1e-3}
            np.testing.assert_allclose(first.read(i, mirrored), second.read(i, mirrored), **options)
