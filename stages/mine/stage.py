"""Stage 1: object masks, one per image unless told otherwise (paper section 3.1). Writes `masks.zarr`."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdistill.data.catalog import MINED
from maskdistill.data.errors import UnreadableImage
from maskdistill.data.parts import compute_parts
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.failures import check_failures
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.mine.key_mean import dataset_key_mean
from maskdistill.stages.mine.methods.affinity import object_masks
from maskdistill.stages.mine.methods.imported import Importer
from maskdistill.stages.mine.parts import merge_masks, read_failures, save_part
from maskdistill.stages.networks.resize import grid_to_image, resize, short_side_size
from maskdistill.stages.networks.vit import find_weights, load_vit
from maskdistill.stages.networks.vit_inputs import Prepared, batches, grid_of, to_tensor
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.precision import autocast, float32_products


def run(config: MineConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    """Mine all images, or import their masks, in parts that a later run need not compute again.

    Args:
        config: The settings of the stage.
        inputs: The images; no upstream artifact is read.
        workdir: Where `masks.zarr` is written; its images are all readable ones, in the order of the source.
        progress: Told about every image.

    Returns:
        The number of masks; unreadable images as failures.

    Raises:
        InputError: Unusable model, weights or file of masks, or more unreadable images than `inputs.max_failure_rate`
            allows.
    """
    with float32_products(tf32=False):
        return _mine_all(config, inputs, workdir, progress)


def _mine_all(config: MineConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    n_images = len(inputs.source)
    if config.import_from is not None:
        miner: Importer | _Miner = Importer(config.import_from, inputs.source)
    else:
        miner = _prepare_miner(config, inputs, workdir, progress)
    progress.start("masks", n_images, "images")

    def compute(items: range, path: Path) -> None:
        miner.write_part(items, path)
        check_failures(miner.failures, n_images, inputs.max_failure_rate)
        progress.advance(len(items))

    parts = compute_parts(workdir / "parts", n_images, inputs.execution.part_size, compute, progress.advance)
    failures = read_failures(parts)
    check_failures(failures, n_images, inputs.max_failure_rate)
    store = merge_masks(parts, workdir / MINED.file)
    for folder in ("parts", "mean_parts"):
        shutil.rmtree(workdir / folder, ignore_errors=True)
    return StageOutputs(len(store), "masks", {**_metrics(store), **miner.metrics()}, failures)


def _prepare_miner(config: MineConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> "_Miner":
    miner = _Miner(config, inputs)
    if config.center_keys == "dataset":
        progress.start("mean key", inputs.source.n_train, "images")
        miner.key_mean = dataset_key_mean(
            workdir / "mean_parts",
            inputs.source.n_train,
            inputs.execution.part_size,
            miner.patch_keys,
            progress.advance,
        )
    return miner


class _Miner:
    """The loaded model and what it is applied to."""

    def __init__(self, config: MineConfig, inputs: StageInputs) -> None:
        self.config = config
        self.source = inputs.source
        self.batch_size = inputs.execution.batch_size
        self.device = resolve_device(inputs.execution)
        weights = find_weights(config.weights, inputs.artifacts)
        vit = load_vit(config.model, weights, inputs.seed, section="mine", normalise=config.normalise)
        self.backbone = vit.to(self.device)
        self.block = self.backbone.resolve_block(config.block)
        self.key_mean: Tensor | None = None
        self.failures: dict[str, str] = {}

    def write_part(self, items: range, path: Path) -> None:
        """Write the masks and the failures of some images into the folder `path`."""
        masks, failures = self._mine(items)
        builder = MaskStoreBuilder()
        for i in items:
            if i in masks:
                builder.add(self.source.ids[i], masks[i])
        save_part(path, builder, failures)
        self.failures |= failures

    def metrics(self) -> dict[str, Any]:
        """What pixels were normalised with."""
        return {"normalise": {"mean": list(self.backbone.mean), "std": list(self.backbone.std)}}

    def patch_keys(self, items: range) -> Iterator[Tensor]:
        """Patch keys (B, H, N, d) of the readable ones of some images."""
        for batch in batches(self._read(items, {}, {}), self.backbone.patch_size, self.batch_size):
            yield self._queries_keys(batch)[1][:, :, 1:]

    def _mine(self, items: range) -> tuple[dict[int, NDArray[np.bool_]], dict[str, str]]:
        sizes: dict[int, tuple[int, int]] = {}
        failures: dict[str, str] = {}
        masks = {}
        for batch in batches(self._read(items, sizes, failures), self.backbone.patch_size, self.batch_size):
            for one, queries, keys in zip(batch, *self._queries_keys(batch), strict=True):
                masks[one.item] = self._masks(queries, keys, one.pixels.shape[:2], sizes[one.item])
        return masks, failures

    def _read(self, items: range, sizes: dict[int, tuple[int, int]], failures: dict[str, str]) -> Iterator[Prepared]:
        """Read and resize images; the sizes before, and the reasons of unreadable ones, go into the two dicts."""
        for i in items:
            try:
                pixels = self.source.read(i)
            except UnreadableImage as error:
                failures[self.source.ids[i]] = str(error)
                continue
            sizes[i] = (pixels.shape[0], pixels.shape[1])
            config = self.config
            size = short_side_size(sizes[i], config.short_side, self.backbone.patch_size, config.max_patches)
            yield Prepared(i, resize(pixels, size))

    def _queries_keys(self, batch: list[Prepared]) -> tuple[Tensor, Tensor]:
        with torch.inference_mode(), autocast(self.device, self.config.precision):
            images = to_tensor(batch, self.backbone, self.device)
            queries, keys = self.backbone.queries_keys(images, self.block)
        return queries.float(), keys.float()

    def _masks(self, queries: Tensor, keys: Tensor, resized_hw: Any, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
        config = self.config
        key_mean = self.key_mean
        if config.center_keys == "image":
            key_mean = keys[:, 1:].mean(dim=1)
        found = object_masks(
            queries,
            keys,
            grid_of(resized_hw, self.backbone.patch_size),
            n_heads=config.n_heads,
            topk_fraction=config.topk_fraction,
            attention_mass=config.attention_mass,
            key_mean=None if key_mean is None else key_mean.to(keys),
            max_masks=config.max_masks,
            min_area=config.min_area,
            fill_holes=config.fill_holes,
            opening=config.opening,
        )
        return np.stack([grid_to_image(mask, resized_hw, size_hw, self.backbone.patch_size) for mask in found])


def _metrics(store: MaskStore) -> dict[str, Any]:
    n_images = len(store.image_ids)
    return {
        "images": n_images,
        "mean_area_share": float(store.area_share.mean()) if len(store) else 0.0,
        "masks_per_image": len(store) / max(n_images, 1),
    }
