"""The linear probe: how well one linear layer on frozen features tells the true classes apart.

B images, T true classes, D feature channels.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.catalog import PREDICTIONS
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.evaluate.config import EvaluateConfig, LinearProbeConfig
from maskdistill.stages.evaluate.confusion import ConfusionMatrix
from maskdistill.stages.evaluate.scores import iou_per_class, miou, pixel_accuracy
from maskdistill.stages.evaluate.truth import Truth
from maskdistill.stages.known_images import read_known
from maskdistill.stages.progress import Progress
from maskdistill.stages.segment.augment import augment, collate
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.inference import views_of
from maskdistill.stages.segment.model import Segmenter
from maskdistill.stages.segment.ohem import ohem_cross_entropy
from maskdistill.stages.segment.predict import to_labels
from maskdistill.stages.segment.train import WEIGHTS, load_segmenter
from maskdistill.stages.training.device import resolve_device
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
class ProbeData:
    """Loads the sample of one labelled image.

    Attributes:
        source: The photos.
        truth: Their ground truth.
        images: Indices into the source.
        config: Of the segmenter: sizes and augmentation.
    """

    source: ImageSource
    truth: Truth
    images: Sequence[int]
    config: SegmentConfig

    def load(self, item: int) -> Sample:
        """Image id and (crop, classes) of one image; draws from torch's generator."""
        image_id, pixels, labels = self.read(item)
        return image_id, augment(pixels, labels, self.config)

    def read(self, item: int) -> tuple[str, UInt8Array, UInt8Array]:
        """Image id, pixels (H, W, 3) and classes (H, W). Raises InputError where they differ in size."""
        image_id, labels = self.source.ids[self.images[item]], self.truth.labels(self.images[item])
        pixels = read_known(self.source, image_id)
        if labels is None or labels.shape != pixels.shape[:2]:
            raise InputError(f"{image_id}: the ground truth does not have the size of the image, {pixels.shape[:2]}")
        return image_id, pixels, labels


def linear_probe(
    config: EvaluateConfig,
    source: ImageSource,
    artifacts: Mapping[str, Path],
    progress: Progress,
    execution: ExecutionConfig,
    seed: int = 0,
) -> dict[str, Any]:
    """Train a linear classifier of the frozen features on the training images, and score it on the validation images.

    The features are those of the backbone of the `segment` artifact. Reads labels, so that its result is no part of an
    unsupervised one.

    Args:
        config: `linear_probe`, and which classes count.
        source: The images and their ground truth.
        artifacts: Folder of the `segment` artifact, under that name.
        progress: Told of every training step and image.
        execution: Device, workers and the like.
        seed: Base of the random numbers.

    Returns:
        {"val": figures} with `miou`, `pixel_accuracy` and `iou_per_class` from one confusion matrix and, where so
        configured, `miou_crf`; {"status": "no ground truth"} where training or validation images have none.

    Raises:
        InputError: An unknown class, or ground truth of another size than its image.
    """
    truth, device = Truth(config, source), resolve_device(execution)
    segmenter, settings = load_segmenter(artifacts["segment"] / WEIGHTS, device)
    known = set(PREDICTIONS.open(artifacts).image_ids)
    labelled = [i for i, name in enumerate(source.ids) if name in known and truth.labels(i) is not None]
    train = ProbeData(source, truth, [i for i in labelled if i < source.n_train], settings)
    val = ProbeData(source, truth, [i for i in labelled if i >= source.n_train], settings)
    if not train.images or not val.images:
        return {"status": "no ground truth"}
    torch.manual_seed(seed)
    probe = Probe(segmenter, len(truth.class_names))
    _train(probe, train, config.linear_probe, execution, seed, progress)
    return {"val": _score(probe, val, config.linear_probe, device, progress)}


def _train(
    probe: Probe,
    data: ProbeData,
    config: LinearProbeConfig,
    execution: ExecutionConfig,
    seed: int,
    progress: Progress,
) -> None:
    crop_hw = (data.config.crop, data.config.crop)

    def losses(batch: Any) -> dict[str, Tensor]:
        crops, target = batch
        logits = F.interpolate(probe(crops).float(), size=crop_hw, mode="bilinear", align_corners=False)
        return {"loss": ohem_cross_entropy(logits, target, keep_fraction=1.0)}

    with tempfile.TemporaryDirectory() as folder:
        Trainer(
            module=probe,
            losses=losses,
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


def _score(
    probe: Probe, data: ProbeData, config: LinearProbeConfig, device: torch.device, progress: Progress
) -> dict[str, Any]:
    names = data.truth.class_names
    plain, refined = (ConfusionMatrix(len(names), len(names)) for _ in range(2))
    progress.start("score linear probe", len(data.images), "images")
    for item in range(len(data.images)):
        _, pixels, labels = data.read(item)
        views = [view[None].to(device) for view in views_of(pixels, data.config)]
        with torch.inference_mode(), autocast(device, data.config.precision):
            scores = [probe(view)[0] for view in views]
        with torch.inference_mode():
            plain.update(labels, to_labels(scores, pixels, None))
            if config.crf:
                refined.update(labels, to_labels(scores, pixels, data.config.crf))
        progress.advance()
    figures = _figures(plain, names)
    return figures | ({"miou_crf": _figures(refined, names)["miou"]} if config.crf else {})


def _figures(confusion: ConfusionMatrix, names: Sequence[str]) -> dict[str, Any]:
    itself = np.arange(len(names))
    ious = iou_per_class(confusion.matrix, itself)
    return {
        "miou": miou(ious),
        "pixel_accuracy": pixel_accuracy(confusion.matrix, itself),
        "iou_per_class": {names[c]: iou for c, iou in ious.items()},
    }
