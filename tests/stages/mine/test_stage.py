"""The mining stage as a whole, with an untrained ViT."""

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.interruption import StopAfter
from helpers.mining import mine, mining_inputs
from helpers.same_artifacts import assert_same_masks
from helpers.sources import BlobSource, MemorySource
from maskdistill.data.catalog import MINED
from maskdistill.data.errors import InputError
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.methods.affinity import AffinityMiner
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.networks.vit_inputs import Prepared, batches, to_tensor
from maskdistill.stages.progress import Silent
from maskdistill.stages.weights import UNTRAINED


def config_with(precision: str = "auto", **rule: object) -> MineConfig:
    affinity = {"short_side": 96, "center_keys": "image", **rule}
    settings = {"model": "vit_tiny_patch16_224", "weights": "random", "precision": precision, "affinity": affinity}
    return MineConfig.model_validate(settings)


CONFIG = config_with()


def test_every_image_gets_one_mask_of_its_own_size(tiny_source: BlobSource, tmp_path: Path) -> None:
    outputs, store = mine(CONFIG, mining_inputs(tiny_source), tmp_path)
    assert store.image_ids == tiny_source.ids
    assert store.image.tolist() == list(range(6))
    assert [tuple(size) for size in store.size_hw] == [tiny_source.size_hw(i) for i in range(6)]
    assert outputs.items == 6
    assert outputs.metrics["masks_per_image"] == 1
    assert 0 < outputs.metrics["mean_area_share"] < 1
    assert [path.name for path in tmp_path.iterdir()] == [MINED.file]


@pytest.mark.parametrize("center_keys", ["off", "dataset"])
def test_centring_changes_masks(center_keys: str, tiny_source: BlobSource, tmp_path: Path) -> None:
    inputs = mining_inputs(tiny_source)
    _, by_image = mine(CONFIG, inputs, tmp_path / "image")
    _, other = mine(config_with(center_keys=center_keys), inputs, tmp_path / "other")
    assert not np.array_equal(by_image.area, other.area)


def test_the_dataset_mean_is_that_of_training_patches(tmp_path: Path) -> None:
    config, inputs = config_with(center_keys="dataset"), mining_inputs(BlobSource(n_images=4, n_train=3))
    miner = AffinityMiner(config, inputs)
    keys = torch.cat([keys.transpose(0, 1).flatten(1, 2) for keys in miner.patch_keys(range(3))], dim=1)
    mean = AffinityMiner.prepare(config, inputs, tmp_path / "p", Silent())
    torch.testing.assert_close(mean, keys.mean(dim=1))


def test_part_and_batch_sizes_do_not_change_masks(tiny_source: BlobSource, tmp_path: Path) -> None:
    _, small = mine(CONFIG, mining_inputs(tiny_source, part_size=1), tmp_path / "a")
    _, large = mine(CONFIG, mining_inputs(tiny_source, part_size=100), tmp_path / "b")
    assert_same_masks(small, large)


def test_a_resumed_run_equals_an_unbroken_one_and_repeats_nothing(tiny_source: BlobSource, tmp_path: Path) -> None:
    inputs = mining_inputs(tiny_source)
    _, unbroken = mine(CONFIG, inputs, tmp_path / "unbroken")
    with pytest.raises(KeyboardInterrupt):
        mine(CONFIG, inputs, tmp_path / "cut", StopAfter(6))
    tiny_source.reads.clear()
    _, resumed = mine(CONFIG, inputs, tmp_path / "cut")
    assert tiny_source.reads == [4, 5]
    assert_same_masks(resumed, unbroken)


def test_unreadable_images_are_recorded_and_skipped_even_over_a_restart(tmp_path: Path) -> None:
    source = BlobSource(unreadable=(1,))
    with pytest.raises(InputError, match=r"1 of 6 .*max_failure_rate(?s:.*)/nowhere/blob1.jpg: truncated"):
        mine(CONFIG, mining_inputs(source), tmp_path)
    source.reads.clear()
    outputs, store = mine(CONFIG, mining_inputs(source, max_failure_rate=0.2), tmp_path)
    assert outputs.failures == {"blob1": "/nowhere/blob1.jpg: truncated"}
    assert store.image_ids == ("blob0", "blob2", "blob3", "blob4", "blob5")
    assert sorted(source.reads) == [2, 3, 4, 5]  # the part with the failure was whole


def test_failures_of_finished_parts_are_remembered(tmp_path: Path) -> None:
    source = BlobSource(unreadable=(0,))
    inputs = mining_inputs(source, max_failure_rate=0.5)
    with pytest.raises(KeyboardInterrupt):
        mine(CONFIG, inputs, tmp_path, StopAfter(4))
    source.reads.clear()
    outputs, _ = mine(CONFIG, inputs, tmp_path)
    assert sorted(source.reads) == [2, 3, 4, 5]
    assert list(outputs.failures) == ["blob0"]


@pytest.mark.parametrize("size_hw", [(1, 1), (3, 900), (900, 3), (16, 16)])
def test_any_shape_of_image_is_mined(size_hw: tuple[int, int], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (*size_hw, 3), dtype=np.uint8)
    config = config_with(short_side=16, max_patches=40)
    _, store = mine(config, mining_inputs(MemorySource({"only": pixels})), tmp_path)
    assert store.size_hw.tolist() == [list(size_hw)]
    assert store.area[0] > 0


def test_bf16_rounds_the_keys_and_hardly_moves_the_masks(tiny_source: BlobSource, tmp_path: Path) -> None:
    inputs, found = mining_inputs(tiny_source), {}
    for precision in ("fp32", "bf16"):
        config = config_with(precision)
        keys = next(AffinityMiner(config, inputs).patch_keys(range(2)))
        assert torch.equal(keys, keys.bfloat16().float()) == (precision == "bf16")
        _, found[precision] = mine(config, inputs, tmp_path / precision)
    for row in range(6):
        exact, rounded = (store.decode(row) for store in found.values())
        assert (exact & rounded).sum() > 0.9 * (exact | rounded).sum()


def test_a_block_out_of_range_is_refused_before_any_image(tiny_source: BlobSource, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mine\.affinity\.block"):
        mine(config_with(block=12), mining_inputs(tiny_source), tmp_path)
    assert not tiny_source.reads


def test_batches_hold_equal_sizes_and_everything_once() -> None:
    prepared = [Prepared(i, np.zeros((10 + i % 3 * 10, 10, 3), dtype=np.uint8)) for i in range(11)]
    groups = list(batches(prepared, 16, 2))
    assert sorted(one.item for group in groups for one in group) == list(range(11))
    assert all(len({-(-one.pixels.shape[0] // 16) for one in group}) == 1 and len(group) <= 2 for group in groups)


def test_padding_and_masked_pixels_are_zero_after_normalisation() -> None:
    backbone = load_vit("vit_tiny_patch16_224", UNTRAINED)
    pixels = np.full((10, 20, 3), 255, dtype=np.uint8)
    keep = np.zeros((10, 20), dtype=bool)
    keep[:5] = True
    tensor = to_tensor([Prepared(0, pixels), Prepared(1, pixels, keep)], backbone, torch.device("cpu"))
    assert tensor.shape == (2, 3, 16, 32)
    assert (tensor[0, :, :10, :20] == 1).all()
    assert tensor[0].sum() == 3 * 10 * 20
    assert tensor[1].sum() == 3 * 5 * 20
