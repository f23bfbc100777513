"""The clustering stage as a whole, with an untrained ViT."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from helpers.interruption import StopAfter
from helpers.sources import BlobSource
from helpers.true_artifacts import label_map
from maskdistill.data.catalog import CLUSTERS, MINED
from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.data.stores.clusters import ClusterStore, read_cluster, read_k
from maskdistill.data.stores.masks import MaskStoreBuilder
from maskdistill.stages.cluster import stage
from maskdistill.stages.cluster.config import ClusterConfig
from maskdistill.stages.cluster.kmeans import dimension_scale, whiten
from maskdistill.stages.cluster.views import views
from maskdistill.stages.contract import ExecutionConfig, StageInputs, StageOutputs
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.progress import Progress, Silent
from maskdistill.stages.weights import UNTRAINED, WeightsSource

CONFIG = ClusterConfig(k=2, model="vit_tiny_patch16_224", weights=WeightsSource("untrained"), short_side=32)


Folders = dict[str, Path]


@pytest.fixture
def mined(tiny_source: BlobSource, tmp_path: Path) -> Folders:
    """Masks of all that is not background; the second image has two, the third none."""
    builder = MaskStoreBuilder()
    for i, image_id in enumerate(tiny_source.ids):
        mask = label_map(tiny_source, i) > 0
        stack = {1: np.stack([mask, ~mask]), 2: mask[None][:0]}.get(i, mask[None])
        builder.add(image_id, stack)
    folders = {"mine": tmp_path / "mine"}
    builder.build().save(MINED.path(folders))
    return folders


def run(
    source: BlobSource,
    mined: Folders,
    workdir: Path,
    config: ClusterConfig = CONFIG,
    progress: Progress | None = None,
) -> tuple[StageOutputs, ClusterStore]:
    execution = ExecutionConfig(device="cpu", batch_size=2, part_size=2)
    inputs = StageInputs(source=source, artifacts=mined, execution=execution)
    return stage.run(config, inputs, workdir, progress or Silent()), CLUSTERS.open({"cluster": workdir})


@pytest.mark.parametrize("view", ["crop", "masked"])
def test_every_mask_gets_a_cluster(view: str, tiny_source: BlobSource, mined: Folders, tmp_path: Path) -> None:
    outputs, store = run(tiny_source, mined, tmp_path / "out", CONFIG.model_copy(update={"view": view}))
    assert len(store) == outputs.items == 6
    assert store.embedding.shape == (6, 192)
    assert store.centroids.shape == (2, 192)
    assert outputs.metrics["cluster_sizes"] == np.bincount(store.cluster, minlength=2).tolist()
    assert np.isfinite(outputs.metrics["inertia"])
    assert [path.name for path in (tmp_path / "out").iterdir()] == [CLUSTERS.file]
    assert read_k(CLUSTERS.path({"cluster": tmp_path / "out"})) == 2
    np.testing.assert_array_equal(read_cluster(CLUSTERS.path({"cluster": tmp_path / "out"})), store.cluster)


def test_rows_keep_the_order_of_the_masks_and_the_crop_is_what_is_embedded(
    tiny_source: BlobSource, mined: Folders, tmp_path: Path
) -> None:
    _, store = run(tiny_source, mined, tmp_path / "out")
    masks = MINED.open(mined)
    backbone = load_vit("vit_tiny_patch16_224", UNTRAINED, section="cluster")
    for row in (0, 5):
        x, y, width, height = masks.bbox_xywh[row].astype(int)
        image = torch.from_numpy(tiny_source.read(int(masks.image[row]))).permute(2, 0, 1)
        crop = (image[:, y : y + height, x : x + width] / 255 - 0.5) / 0.5
        padded = torch.nn.functional.pad(crop, (0, -width % 16, 0, -height % 16))
        with torch.inference_mode():
            expected = backbone.class_token(padded[None])[0].numpy()
        np.testing.assert_allclose(store.embedding[row], expected, atol=1e-4)


def test_only_training_masks_shape_the_clusters(tiny_source: BlobSource, mined: Folders, tmp_path: Path) -> None:
    _, store = run(tiny_source, mined, tmp_path / "out")
    train = MINED.open(mined).image < tiny_source.n_train
    np.testing.assert_allclose(store.scale, dimension_scale(store.embedding[train]), rtol=1e-6)
    whitened = whiten(store.embedding, store.scale)
    nearest = np.linalg.norm(whitened[:, None] - store.centroids[None], axis=-1)
    np.testing.assert_allclose(store.distance, nearest.min(axis=1), atol=1e-3)


def test_small_masks_get_a_cluster_but_shape_none(tiny_source: BlobSource, mined: Folders, tmp_path: Path) -> None:
    masks = MINED.open(mined)
    share = masks.area / masks.size_hw.prod(axis=1)
    fitted = (masks.image < tiny_source.n_train) & (share >= np.median(share))
    config = CONFIG.model_copy(update={"min_area": float(np.median(share))})
    _, store = run(tiny_source, mined, tmp_path / "out", config)
    assert 2 <= fitted.sum() < len(store) == 6
    np.testing.assert_allclose(store.scale, dimension_scale(store.embedding[fitted]), rtol=1e-6)
    with pytest.raises(InputError, match=r"only 1 of at least cluster\.min_area"):
        run(tiny_source, mined, tmp_path / "few", CONFIG.model_copy(update={"min_area": float(np.sort(share)[-1])}))


def test_a_resumed_run_repeats_no_part_and_gives_the_same(
    tiny_source: BlobSource, mined: Folders, tmp_path: Path
) -> None:
    _, unbroken = run(tiny_source, mined, tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        run(tiny_source, mined, tmp_path / "b", progress=StopAfter(3))
    tiny_source.reads.clear()
    _, resumed = run(tiny_source, mined, tmp_path / "b")
    assert 0 not in tiny_source.reads
    np.testing.assert_array_equal(resumed.embedding, unbroken.embedding)
    np.testing.assert_array_equal(resumed.cluster, unbroken.cluster)


def test_an_image_is_read_once_for_all_its_masks(tiny_source: BlobSource, mined: Folders) -> None:
    masks = MINED.open(mined)
    prepared = list(views(masks, tiny_source, range(len(masks)), CONFIG, 16))
    assert tiny_source.reads == [0, 1, 3, 4, 5]
    assert [one.item for one in prepared] == list(range(6))


def test_too_large_crops_are_shrunk_and_masked_views_know_the_mask(tiny_source: BlobSource, mined: Folders) -> None:
    masks = MINED.open(mined)
    crop = next(views(masks, tiny_source, [0], CONFIG.model_copy(update={"max_side": 15}), 16))
    assert max(crop.pixels.shape[:2]) == 15
    masked = next(views(masks, tiny_source, [0], CONFIG.model_copy(update={"view": "masked"}), 16))
    assert min(masked.pixels.shape[:2]) == 32
    share = masks.area[0] / np.prod(masks.size_hw[0])
    assert masked.keep is not None
    assert masked.keep.mean() == pytest.approx(share, abs=0.05)


def test_an_image_that_changed_since_is_an_error(mined: Folders, tmp_path: Path) -> None:
    with pytest.raises(MaskDistillError, match="mine stage again"):
        run(BlobSource(unreadable=(3,)), mined, tmp_path / "out")


def test_too_few_masks_name_the_setting(tiny_source: BlobSource, mined: Folders, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cluster\.k: 5 clusters .* only 4"):
        run(tiny_source, mined, tmp_path / "out", CONFIG.model_copy(update={"k": 5}))
    assert not tiny_source.reads


def test_unset_models_are_refused(tiny_source: BlobSource, mined: Folders, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cluster\.model"):
        run(tiny_source, mined, tmp_path / "out", CONFIG.model_copy(update={"model": None}))


@pytest.mark.parametrize("k", [1, 255])
def test_cluster_counts_that_label_maps_cannot_hold_are_refused(k: int) -> None:
    with pytest.raises(ValidationError):
        ClusterConfig(k=k)
