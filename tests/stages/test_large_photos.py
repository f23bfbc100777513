"""Large photos are read smaller in training, and their masks and label maps with them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.config import FolderConfig
from maskdistill.data.sources.folder import FolderSource
from maskdistill.data.stores.labels import LabelStore, write_labels
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.dataset import training_data
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.methods.affinity import AffinityMiner
from maskdistill.stages.mine.stage import MineWorker
from maskdistill.stages.segment.augment import SegmentationData
from maskdistill.stages.segment.config import SegmentConfig

SIZE_HW = (600, 810)
BOX = np.s_[200:440, 300:660]
SIDE = 64


@pytest.fixture
def inside() -> UInt8Array:
    """Where the photo is bright."""
    mask = np.zeros(SIZE_HW, dtype=np.uint8)
    mask[BOX] = 1
    return mask


@pytest.fixture(params=["png", "jpg"])
def source(request: pytest.FixtureRequest, tmp_path: Path, inside: UInt8Array) -> FolderSource:
    """One photo; a PNG has one size only."""
    root = tmp_path / "photos"
    root.mkdir()
    Image.fromarray(np.repeat(40 + 180 * inside[..., None], 3, axis=2)).save(root / f"a.{request.param}", quality=95)
    return FolderSource(FolderConfig(kind="folder", root=root))


def is_bright(image: torch.Tensor) -> torch.Tensor:
    return image.float().mean(dim=0) > 130


def test_labels_of_the_segmenter(tmp_path: Path, source: FolderSource, inside: UInt8Array) -> None:
    write_labels(tmp_path / "labels", [(source.ids[0], inside)])
    config = SegmentConfig(image_size=SIDE, crop=SIDE, scale=(1.0, 1.0), rotation=0, flip=0)
    data = SegmentationData(source, LabelStore.open(tmp_path / "labels"), np.zeros(1, dtype=np.int64), config)
    torch.manual_seed(0)
    _, (image, labels) = data.load(0)
    assert image.shape == (3, SIDE, SIDE)
    assert (is_bright(image) != (labels == 1)).float().mean() < 0.01
    assert 0.1 < (labels == 1).float().mean() < 0.5


def test_masks_of_the_detector(tmp_path: Path, source: FolderSource, inside: UInt8Array) -> None:
    builder = MaskStoreBuilder()
    builder.add(source.ids[0], inside.astype(bool)[None], clusters=[0])
    builder.build().save(tmp_path / "masks")
    config = DistillConfig(image_size=SIDE, max_size=2 * SIDE, scale=(1.0, 1.0), flip=0, color_jitter=0)
    _, (image, target) = training_data(source, MaskStore.open(tmp_path / "masks"), config).load(0)
    assert image.shape[1] == SIDE
    assert abs(image.shape[2] - 86) <= 1  # at a quarter of its size the photo has a column more than a quarter
    assert (is_bright(image) != target["masks"].any(dim=0)).float().mean() < 0.01
    scale = SIDE / SIZE_HW[0]
    expected = scale * torch.tensor([300.0, 200.0, 660.0, 440.0])
    torch.testing.assert_close(target["boxes_xyxy"][0], expected, atol=1.0, rtol=0)


def test_pasted_objects_keep_their_size(tmp_path: Path) -> None:
    """Of two photos of about one size, one alone would be read smaller."""
    root, builder = tmp_path / "photos", MaskStoreBuilder()
    root.mkdir()
    for name, height in (("a", 570), ("b", 580)):
        mask = np.zeros((height, 800), dtype=np.uint8)
        left = 100 if name == "a" else 500
        mask[200:300, left : left + 150] = 1
        Image.fromarray(np.repeat(40 + 180 * mask[..., None], 3, axis=2)).save(root / f"{name}.jpg", quality=95)
        builder.add(f"{name}.jpg", mask.astype(bool)[None], clusters=[0])
    source = FolderSource(FolderConfig(kind="folder", root=root))
    assert [source.glance(i, 192).read_hw[0] for i in range(2)] == [570, 290]
    builder.build().save(tmp_path / "masks")
    config = DistillConfig(image_size=192, max_size=400, scale=(1.0, 1.0), flip=0, color_jitter=0, copy_paste=1.0)
    data = training_data(source, MaskStore.open(tmp_path / "masks"), config)
    torch.manual_seed(0)
    targets = [data.load(item)[1][1] for item in (0, 1) * 4]
    assert {len(target["masks"]) for target in targets} == {1, 2}
    areas = torch.cat([target["masks"].flatten(1).sum(dim=1) for target in targets]).float()
    expected = torch.full_like(areas, 100 * 150 * (192 / 575) ** 2)
    torch.testing.assert_close(areas, expected, rtol=0.06, atol=0)


def test_mined_masks_have_the_size_of_the_photo(tmp_path: Path, source: FolderSource) -> None:
    config = MineConfig.model_validate(
        {"model": "vit_tiny_patch16_224", "weights": "random", "affinity": {"short_side": SIDE}}
    )
    inputs = StageInputs(source, {}, execution=ExecutionConfig(device="cpu"))
    worker = MineWorker(AffinityMiner(config, inputs), inputs)
    folder = tmp_path / "part"
    folder.mkdir()
    worker.write(range(1), folder, lambda n: None)
    masks = MaskStore.open(folder / "masks.zarr")
    assert [tuple(size) for size in masks.size_hw.tolist()] == [SIZE_HW]
    assert masks.decode(0).shape == SIZE_HW
