"""Features of masks against a direct computation, with an untrained ViT."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from helpers.sources import BlobSource, MemorySource
from maskdistill.data.catalog import MINED
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.masks import MaskStoreBuilder
from maskdistill.stages.cluster.config import ClusterConfig
from maskdistill.stages.cluster.embed import EMBEDDING, EmbedJob
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.networks.vit import VisionBackbone, load_vit
from maskdistill.stages.weights import UNTRAINED

MODEL = "vit_tiny_patch16_224"
CONFIG = ClusterConfig(model=MODEL, weights=UNTRAINED, short_side=48, precision="fp32")
Mask = NDArray[np.bool_]


@pytest.fixture(scope="module")
def vit() -> VisionBackbone:
    return load_vit(MODEL, UNTRAINED, section="cluster")


def embed(source: ImageSource, masks: list[Mask], folder: Path, **settings: object) -> NDArray[np.float32]:
    """Features of one mask of each image, (len(masks), width)."""
    builder = MaskStoreBuilder()
    for image_id, mask in zip(source.ids, masks, strict=False):
        builder.add(image_id, mask[None])
    builder.build().save(folder / "mine" / MINED.file)
    inputs = StageInputs(source, {"mine": folder / "mine"}, execution=ExecutionConfig(device="cpu", batch_size=2))
    config = ClusterConfig.model_validate({**dict(CONFIG), **settings})
    EmbedJob(config, inputs).open().write(range(len(masks)), folder, lambda n: None)
    return np.asarray(np.load(folder / EMBEDDING))


def rectangles(source: BlobSource, n: int) -> list[Mask]:
    """The rectangle of each image, less its upper right quarter, so that it is not the whole of its box."""
    masks = []
    for i in range(n):
        mask = np.zeros(source.size_hw(i), dtype=bool)
        x1, y1, x2, y2 = source.box_xyxy(i)
        mask[y1:y2, x1:x2] = True
        mask[y1 : (y1 + y2) // 2, (x1 + x2) // 2 :] = False
        masks.append(mask)
    return masks


def tokens(vit: VisionBackbone, pixels: NDArray[np.uint8], keep: Mask | None = None) -> Tensor:
    """Class token and patch tokens of one image, padded to whole patches of 16 px."""
    image = (torch.from_numpy(pixels).permute(2, 0, 1) / 255 - 0.5) / 0.5
    if keep is not None:
        image = image * torch.from_numpy(keep)
    padded = torch.nn.functional.pad(image, (0, -image.shape[2] % 16, 0, -image.shape[1] % 16))
    with torch.inference_mode():
        return vit.tokens(padded[None])[0]


def mean_inside(patches: Tensor, mask: Mask) -> Tensor:
    """Mean over the pixels of the mask of the token of the patch that each lies in."""
    columns = -(-mask.shape[1] // 16)
    y, x = np.nonzero(mask)
    return patches[torch.from_numpy(y // 16 * columns + x // 16)].mean(dim=0)


def unit(vector: Tensor) -> Tensor:
    scaled: Tensor = vector / vector.norm()
    return scaled


def test_pooled_is_the_mean_token_of_the_pixels_inside(vit: VisionBackbone, tmp_path: Path) -> None:
    source = BlobSource()
    masks = rectangles(source, 3)
    found = embed(source, masks, tmp_path, features="pooled")
    for i, mask in enumerate(masks):
        x1, y1, x2, y2 = source.box_xyxy(i)
        seen = tokens(vit, source.read(i)[y1:y2, x1:x2])
        np.testing.assert_allclose(found[i], mean_inside(seen[1:], mask[y1:y2, x1:x2]), atol=1e-4)
        assert np.abs(found[i] - seen[1:].mean(dim=0).numpy()).max() > 1e-2


def test_pooled_of_a_masked_image_is_over_the_mask_of_the_whole_image(vit: VisionBackbone, tmp_path: Path) -> None:
    source = BlobSource()
    masks = rectangles(source, 3)
    found = embed(source, masks, tmp_path, features="pooled", view="masked")
    for i in (1, 2):  # 48 px high, so that nothing is resized
        seen = tokens(vit, source.read(i), masks[i])
        np.testing.assert_allclose(found[i], mean_inside(seen[1:], masks[i]), atol=1e-4)


def test_both_is_class_token_and_mean_each_of_length_one(vit: VisionBackbone, tmp_path: Path) -> None:
    source = BlobSource()
    [mask] = masks = rectangles(source, 1)
    [found] = embed(source, masks, tmp_path, features="both")
    x1, y1, x2, y2 = source.box_xyxy(0)
    seen = tokens(vit, source.read(0)[y1:y2, x1:x2])
    expected = torch.cat([unit(seen[0]), unit(mean_inside(seen[1:], mask[y1:y2, x1:x2]))])
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("view", ["crop", "masked"])
def test_a_mask_that_vanishes_in_its_view_has_the_token_of_its_patch(
    view: str, vit: VisionBackbone, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (960, 960, 3), dtype=np.uint8)
    mask = np.zeros((960, 960), dtype=bool)
    mask[900, 20] = True
    [found] = embed(MemorySource({"large": pixels}), [mask], tmp_path, features="pooled", view=view)
    if view == "crop":
        seen, patch = tokens(vit, pixels[900:901, 20:21]), 0
    else:
        seen, patch = tokens(vit, np.zeros((48, 48, 3), dtype=np.uint8), np.zeros((48, 48), dtype=bool)), 6
    np.testing.assert_allclose(found, seen[1 + patch], atol=1e-4)


def test_settings_that_change_nothing_are_no_part_of_the_key() -> None:
    plain = ClusterConfig().used()
    assert not {"features", "k_range"} & set(plain)
    assert ClusterConfig(features="cls", k_range=(2, 9)).used() == plain
    assert ClusterConfig(features="both").used() == {**plain, "features": "both"}
    assert ClusterConfig(k="auto", k_range=(2, 9)).used() == {**plain, "k": "auto", "k_range": [2, 9]}
