"""The linear probe: one linear layer on the frozen features of a segmenter, trained on labels that a caller hands in.

B images, T classes, D feature channels.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.known_images import read_known
from maskdistill.stages.progress import Progress
from maskdistill.stages.segment.augment import augment, collate
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.inference import views_of
from maskdistill.stages.segment.model import Segmenter
from maskdistill.stages.segment.predict import to_labels
from maskdistill.stages.segment.probe_config import LinearProbeConfig
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.fit import SimpleFit
from maskdistill.stages.training.ohem import ohem_cross_entropy
from maskdistill.stages.training.precision import autocast
from maskdistill.stages.training.recipe import Recipe
from maskdistill.stages.training.samples import Sample, SampleStream
from maskdistill.stages.training.trainer import Trainer


class Probe(nn.Module):
    """One 1 x 1 convolution on the backbone of a segmenter, which stays as it is, batch norm included."""

    def __init__(self, segmenter: Segmenter, n_classes: int) -> None:
        super().__init__()
        self.segmenter = segmenter.requires_grad_(False)
        self.classifier = nn.Conv2d(segmenter.width, n_classes, kernel_size=1)

    def train(self, mode: bool = True) -> "Probe":
        """Switch the classifier; the backbone is always in evaluation mode."""
        super().train(mode)
        self.segmenter.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, T, h, w) at the resolution of the features, of images uint8 (B, 3, H, W) RGB."""
        with torch.no_grad():
            features = self.segmenter.features(images)
        logits: Tensor = self.classifier(features)
        return logits


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images whose classes are known.

    Attributes:
        source: The photos.
        labels: Gives the classes of an image of the source by its index, uint8 (height, width).
        images: Indices into the source.
        config: Of the segmenter: sizes and augmentation.
    """

    source: ImageSource
    labels: Callable[[int], UInt8Array | None]
    images: Sequence[int]
    config: SegmentConfig

    def load(self, item: int) -> Sample:
        """Image id and (crop, classes) of one image; draws from torch's generator."""
        image_id, pixels, labels = self.read(item)
        return image_id, augment(pixels, labels, self.config)

    def read(self, item: int) -> tuple[str, UInt8Array, UInt8Array]:
        """Image id, pixels (H, W, 3) and classes (H, W). Raises InputError where they differ in size."""
        image_id, labels = self.source.ids[self.images[item]], self.labels(self.images[item])
        pixels = read_known(self.source, image_id)
        if labels is None or labels.shape != pixels.shape[:2]:
            raise InputError(f"{image_id}: the ground truth does not have the size of the image, {pixels.shape[:2]}")
        return image_id, pixels, labels


def train_probe(
    probe: Probe,
    data: LabelledImages,
    config: LinearProbeConfig,
    execution: ExecutionConfig,
    seed: int,
    progress: Progress,
) -> None:
    """Train the linear layer of a probe, in place, in one process; `seed` is the base of the random numbers."""
    crop_hw = (data.config.crop, data.config.crop)

    def losses(batch: Any) -> dict[str, Tensor]:
        crops, target = batch
        logits = F.interpolate(probe(crops).float(), size=crop_hw, mode="bilinear", align_corners=False)
        return {"loss": ohem_cross_entropy(logits, target, keep_fraction=1.0)}

    with tempfile.TemporaryDirectory() as folder:
        Trainer(
            fit=SimpleFit(probe, losses),
            samples=SampleStream(len(data.images), data.load, seed),
            collate=collate,
            recipe=probe_recipe(config, len(data.images), data.config),
            workdir=Path(folder),
            execution=execution,
            device=resolve_device(execution),
            progress=progress,
            phase="train linear probe",
        ).run()


def probe_recipe(config: LinearProbeConfig, n_images: int, segmenter: SegmentConfig) -> Recipe:
    """How the probe is optimised, on `n_images` training images."""
    return Recipe(
        iterations=ceil(config.epochs * n_images / config.batch_size),
        batch_size=config.batch_size,
        lr=config.lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        schedule="step",
        step_at=(config.step_epoch / config.epochs,),
        precision=segmenter.precision,
    )


def predict_probe(probe: Probe, pixels: UInt8Array, config: SegmentConfig, *, with_crf: bool) -> list[UInt8Array]:
    """Class of each pixel of an image, uint8 (H, W), at its own size; with `with_crf` also after the CRF."""
    device = probe.classifier.weight.device
    views = [view[None].to(device) for view in views_of(pixels, config)]
    with torch.inference_mode(), autocast(device, config.precision):
        scores = [probe(view)[0] for view in views]
    return [to_labels(scores, pixels, config, with_crf=refined) for refined in ([False, True] if with_crf else [False])]
