"""Foreground learnt from mined masks: one linear layer on stored tokens, whose regions become the masks.

D channels of the tokens.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional as F

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.atomic import atomic_path
from maskdistill.data.catalog import FEATURES, MINED
from maskdistill.data.errors import InputError
from maskdistill.data.stores.features import FeatureStore
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder, merge_parts
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.features.crops import TokenCrops, collate
from maskdistill.stages.features.read import stored_tokens
from maskdistill.stages.mine.methods.miner import Proposals
from maskdistill.stages.mine.refine_config import RefineConfig
from maskdistill.stages.networks.standardise import Standardise
from maskdistill.stages.parts import Advance, PartReport, compute_parts
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.checkpoints import remove_checkpoints
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.fit import SimpleFit
from maskdistill.stages.training.ohem import ohem_cross_entropy
from maskdistill.stages.training.samples import SampleStream, derive_seed, round_seed
from maskdistill.stages.training.trainer import CHECKPOINT, Trainer

_PATCHES = 20
"""Side of the crops that are learnt from, patches."""
_WEIGHTS = "foreground.safetensors"


def refine(
    config: RefineConfig, inputs: StageInputs, masks: Path, folder: Path, number: int, progress: Progress
) -> Path:
    """One round: learn from a MaskStore, and write another one of the same images into a folder of its own.

    Args:
        config: How.
        inputs: The images, and the artifact of `features`.
        masks: The masks to learn from.
        folder: Of this round; what is there already is not made again.
        number: Of the round, from 1.
        progress: Told of every step and image.

    Returns:
        Path of the new store.
    """
    store = folder / MINED.file
    if not store.exists():
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / _WEIGHTS).exists():
            _learn(config, inputs, MaskStore.open(masks), folder, number, progress)
        n_images = len(MaskStore.open(masks).image_ids)
        progress.start(f"refine masks, round {number}", n_images, "images")
        job, part_size = RefineJob(config, inputs, masks, folder / _WEIGHTS), inputs.execution.part_size
        parts = compute_parts(job, folder / "parts", n_images, part_size, inputs.engine, progress.advance)
        merge_parts([part / MINED.file for part in parts.folders], store)
    shutil.rmtree(folder / "parts", ignore_errors=True)
    return store


class Foreground(nn.Module):
    """Scores of background and foreground, each patch by itself: (B, D, h, w) to (B, 2, h, w)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.standard = Standardise(dim)
        self.layer = nn.Conv2d(dim, 2, kernel_size=1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of tokens of any float type."""
        logits: Tensor = self.layer(self.standard(tokens))
        return logits


def _learn(
    config: RefineConfig, inputs: StageInputs, masks: MaskStore, folder: Path, number: int, progress: Progress
) -> None:
    """Train from the last checkpoint in the folder, and write the weights."""
    features = FEATURES.open(inputs.artifacts)
    images = np.flatnonzero(inputs.source.are_train(masks.image_ids))
    if not len(images):
        raise InputError("mine.refine: no training image has been mined, so there is nothing to learn from")
    seed = round_seed(inputs.seed, number)
    torch.manual_seed(derive_seed(seed))
    module = Foreground(features.dim)
    module.standard.set(torch.from_numpy(features.mean), torch.from_numpy(features.std))
    data = TokenCrops(
        features,
        [masks.image_ids[image] for image in images],
        lambda item: union_of(masks, int(images[item]), features),
        _PATCHES,
        flip=0.5,
    )

    def losses(batch: Any) -> dict[str, Tensor]:
        full = F.interpolate(module(batch[0]), size=batch[1].shape[1:], mode="bilinear", align_corners=False)
        return {"loss": ohem_cross_entropy(full, batch[1], config.keep_fraction, keep_of="valid")}

    Trainer(
        fit=SimpleFit(module, losses),
        samples=SampleStream(len(images), data.load, seed),
        collate=collate,
        recipe=config.recipe(len(images)),
        workdir=folder,
        execution=inputs.execution,
        device=resolve_device(inputs.execution),
        progress=progress,
        phase=f"learn foreground, round {number}",
    ).run()
    with atomic_path(folder / _WEIGHTS) as path:
        save_file({name: value.cpu() for name, value in module.state_dict().items()}, path)
    remove_checkpoints(folder / CHECKPOINT)


def union_of(masks: MaskStore, image: int, features: FeatureStore) -> UInt8Array:
    """All masks of an image as one label map (H, W), 1 inside."""
    height, width = features.size_hw[features.index(masks.image_ids[image])].tolist()
    union = np.zeros((height, width), dtype=np.uint8)
    for row in masks.rows_of(image):
        union |= masks.decode(row).view(np.uint8)
    return union


@dataclass(frozen=True)
class RefineJob:
    """Finding the foreground of some images."""

    config: RefineConfig
    inputs: StageInputs
    masks: Path
    weights: Path

    def open(self) -> "RefineWorker":
        """Load the layer and open the stores."""
        features = FEATURES.open(self.inputs.artifacts)
        module = Foreground(features.dim)
        module.load_state_dict(load_file(self.weights))
        device = resolve_device(self.inputs.execution)
        return RefineWorker(self.config, module.to(device).eval(), device, features, MaskStore.open(self.masks))


@dataclass(frozen=True, eq=False)
class RefineWorker:
    """The layer, the tokens, and the masks so far."""

    config: RefineConfig
    module: Foreground
    device: torch.device
    features: FeatureStore
    masks: MaskStore

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Write the masks of some images; one in which no foreground is found keeps those that it had."""
        builder = MaskStoreBuilder()
        for image in items:
            image_id = self.masks.image_ids[image]
            probability = self.probability(image_id)
            masks = regions(probability, self.config.min_area, self.config.max_masks)
            if masks:
                scores = [float(probability[mask].mean()) for mask in masks]
                builder.add_rles(image_id, Proposals.of_masks(np.stack(masks)).rles, scores)
            else:
                rows = self.masks.rows_of(image)
                builder.add_rles(image_id, [self.masks.rle(row) for row in rows], self.masks.score[list(rows)])
            advance(1)
        builder.build().save(folder / MINED.file)
        return PartReport(len(items))

    @torch.inference_mode()
    def probability(self, image_id: str) -> NDArray[np.float32]:
        """Of foreground, float32 (H, W) at the image's size; the mean over the image and its mirror image."""
        index = self.features.index(image_id)
        found = []
        for mirrored in (False, True) if self.features.mirrored else (False,):
            logits = self.module(stored_tokens(self.features, index, self.device, mirrored=mirrored))
            found.append((logits.flip(-1) if mirrored else logits).softmax(dim=1)[:, 1:])
        size_hw = self.features.size_hw[index].tolist()
        mean = torch.stack(found).mean(dim=0)
        return F.interpolate(mean, size=size_hw, mode="bilinear", align_corners=False)[0, 0].cpu().numpy()


def regions(probability: NDArray[np.float32], min_area: float, max_masks: int) -> Sequence[NDArray[np.bool_]]:
    """The largest connected regions where foreground is likelier than not, bool (H, W) each, the largest first.

    Args:
        probability: (H, W), 0-1.
        min_area: Fraction of the image that a region covers at least.
        max_masks: Most regions.
    """
    labelled, count = ndimage.label(probability > 0.5)
    sizes = np.bincount(labelled.ravel(), minlength=count + 1)[1:]
    largest = np.argsort(-sizes, kind="stable")[:max_masks]
    return [labelled == 1 + region for region in largest if sizes[region] >= min_area * labelled.size]
