"""The mining stage as a whole, with an untrained ViT."""

import numpy as np
import pytest
import torch

from helpers.interruption import StopAfter
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.mine import stage
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


def inputs_of(source, part_size=2, **options):
    execution = ExecutionConfig(device="cpu", batch_size=4, part_size=part_size)
    return StageInputs(source=source, artifacts={}, execution=execution, **options)


def mine(source, workdir, config=CONFIG, **options):
    outputs = stage.run(config, inputs_of(source, **options), workdir, Silent())
    return outputs, MaskStore.open(workdir / "masks.zarr")


def same_masks(a, b):
    assert a.image_ids == b.image_ids
    np.testing.assert_array_equal(a.image, b.image)
    np.testing.assert_array_equal(a.counts, b.counts)


def test_every_image_gets_one_mask_of_its_own_size(tiny_source, tmp_path):
    outputs, store = mine(tiny_source, tmp_path)
    assert store.image_ids == tiny_source.ids
    assert store.image.tolist() == list(range(6))
    assert [tuple(size) for size in store.size_hw] == [tiny_source.read(i).shape[:2] for i in range(6)]
    assert outputs.items == 6
    assert outputs.metrics["masks_per_image"] == 1
    assert 0 < outputs.metrics["mean_area_share"] < 1
    assert [path.name for path in tmp_path.iterdir()] == ["masks.zarr"]


@pytest.mark.parametrize("center_keys", ["off", "dataset"])
def test_centring_changes_masks(center_keys, tiny_source, tmp_path):
    _, by_image = mine(tiny_source, tmp_path / "image")
    _, other = mine(tiny_source, tmp_path / "other", config_with(center_keys=center_keys))
    assert not np.array_equal(by_image.area, other.area)


def test_the_dataset_mean_is_that_of_training_patches(make_source, tmp_path):
    source = make_source(n_images=4, n_train=3)
    config, inputs = config_with(center_keys="dataset"), inputs_of(source)
    miner = AffinityMiner(config, inputs)
    keys = torch.cat([keys.transpose(0, 1).flatten(1, 2) for keys in miner.patch_keys(range(3))], dim=1)
    mean = AffinityMiner.prepare(config, inputs, tmp_path / "p", Silent())
    torch.testing.assert_close(mean, keys.mean(dim=1))


def test_part_and_batch_sizes_do_not_change_masks(tiny_source, tmp_path):
    _, small = mine(tiny_source, tmp_path / "a", part_size=1)
    _, large = mine(tiny_source, tmp_path / "b", part_size=100)
    same_masks(small, large)


def test_a_resumed_run_equals_an_unbroken_one_and_repeats_nothing(make_source, tmp_path):
    _, unbroken = mine(make_source(), tmp_path / "unbroken")
    source = make_source()

    with pytest.raises(KeyboardInterrupt):
        stage.run(CONFIG, inputs_of(source), tmp_path / "cut", StopAfter(6))
    source.reads.clear()
    _, resumed = mine(source, tmp_path / "cut")
    assert source.reads == [4, 5]
    same_masks(resumed, unbroken)


def test_unreadable_images_are_recorded_and_skipped_even_over_a_restart(make_source, tmp_path):
    source = make_source(unreadable=(1,))
    with pytest.raises(InputError, match=r"1 of 6 .*max_failure_rate(?s:.*)/nowhere/blob1.jpg: truncated"):
        mine(source, tmp_path)
    source.reads.clear()
    outputs, store = mine(source, tmp_path, max_failure_rate=0.2)
    assert outputs.failures == {"blob1": "/nowhere/blob1.jpg: truncated"}
    assert store.image_ids == ("blob0", "blob2", "blob3", "blob4", "blob5")
    assert sorted(source.reads) == [2, 3, 4, 5]  # the part with the failure was whole


def test_failures_of_finished_parts_are_remembered(make_source, tmp_path):
    source = make_source(unreadable=(0,))
    progress = Silent()
    progress.advance = lambda n=1, **info: (_ for _ in ()).throw(KeyboardInterrupt) if len(source.reads) > 3 else None
    with pytest.raises(KeyboardInterrupt):
        stage.run(CONFIG, inputs_of(source, max_failure_rate=0.5), tmp_path, progress)
    source.reads.clear()
    outputs, _ = mine(source, tmp_path, max_failure_rate=0.5)
    assert 0 not in source.reads
    assert list(outputs.failures) == ["blob0"]


class OneImage(ImageSource):
    ids = ("only",)
    n_train = 1

    def __init__(self, size_hw):
        self.size_hw = size_hw

    def read(self, index):
        return np.random.default_rng(0).integers(0, 255, (*self.size_hw, 3), dtype=np.uint8)

    def fingerprint(self):
        return "one"


@pytest.mark.parametrize("size_hw", [(1, 1), (3, 900), (900, 3), (16, 16)])
def test_any_shape_of_image_is_mined(size_hw, tmp_path):
    config = config_with(short_side=16, max_patches=40)
    _, store = mine(OneImage(size_hw), tmp_path, config)
    assert store.size_hw.tolist() == [list(size_hw)]
    assert store.area[0] > 0


def test_bf16_gives_masks(tiny_source, tmp_path):
    _, store = mine(tiny_source, tmp_path, config_with(precision="bf16"))
    assert len(store) == 6


def test_a_block_out_of_range_is_refused_before_any_image(tiny_source, tmp_path):
    with pytest.raises(InputError, match=r"mine\.affinity\.block"):
        mine(tiny_source, tmp_path, config_with(block=12))
    assert not tiny_source.reads


def test_batches_hold_equal_sizes_and_everything_once():
    prepared = [Prepared(i, np.zeros((10 + i % 3 * 10, 10, 3), dtype=np.uint8)) for i in range(11)]
    groups = list(batches(prepared, 16, 2))
    assert sorted(one.item for group in groups for one in group) == list(range(11))
    assert all(len({-(-one.pixels.shape[0] // 16) for one in group}) == 1 and len(group) <= 2 for group in groups)


def test_padding_and_masked_pixels_are_zero_after_normalisation():
    backbone = load_vit("vit_tiny_patch16_224", UNTRAINED)
    pixels = np.full((10, 20, 3), 255, dtype=np.uint8)
    keep = np.zeros((10, 20), dtype=bool)
    keep[:5] = True
    tensor = to_tensor([Prepared(0, pixels), Prepared(1, pixels, keep)], backbone, torch.device("cpu"))
    assert tensor.shape == (2, 3, 16, 32)
    assert (tensor[0, :, :10, :20] == 1).all()
    assert tensor[0].sum() == 3 * 10 * 20
    assert tensor[1].sum() == 3 * 5 * 20
