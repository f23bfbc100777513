"""The segment stage: pseudo-labels in, a segmentation model and its predictions out."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maskdistill.data.catalog import (
    FEATURES,
    PREDICTIONS,
    PREDICTIONS_CRF,
    PSEUDO_LABELS,
    SEGMENTER,
    TRAINING_LOG,
)
from maskdistill.data.stores.features import FeatureStore
from maskdistill.data.stores.labels import LabelStore, merge_label_parts
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.parts import Advance, PartReport, compute_parts
from maskdistill.stages.progress import Progress
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.labels import labels_to_learn
from maskdistill.stages.segment.model import Segmenter
from maskdistill.stages.segment.predict import score_images, write_scored
from maskdistill.stages.segment.stored import answers, score_stored
from maskdistill.stages.segment.train import (
    SegmenterTraining,
    load_segmenter,
    train_segmenter,
    training_images,
)
from maskdistill.stages.training.checkpoints import remove_checkpoints
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.distributed import count_devices, run_on_devices
from maskdistill.stages.training.loss_log import final_losses
from maskdistill.stages.training.trainer import CHECKPOINT

_FEWEST_CROPS = 2
"""On each device, as batch norm sees one value per crop in the image-level branch."""


def run(config: SegmentConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    """Train a segmenter on the pseudo-labels of the training images, then predict on every image (section 5).

    Reads `filter/labels.zarr` and the number of clusters from `cluster/clusters.zarr`, or both from `correspond`; and
    with a frozen ViT its tokens from `features/features.zarr`. Writes `predictions.zarr` (LabelStore, each map at its
    image's own size), `segmenter.safetensors` and `training.jsonl`; the predictions after the CRF, where it applies to
    them, as `predictions_crf.zarr`. Where there are several rounds, weights and log of an earlier one lie in `round1`
    and so on, with `labels.zarr`, what it predicts on the training images: the next learns from that.

    Raises:
        InputError: There is no training image, or the backbone's weights do not fit.
        MaskDistillError: The loss is not finite, or an image changed since it was mined.
    """
    labels, n_classes = labels_to_learn(config, inputs.artifacts)
    image_ids = LabelStore.open(labels).image_ids
    metrics: dict[str, Any] = {}
    for number in range(1, config.rounds):
        folder = workdir / f"round{number}"
        found = run_round(SegmenterTraining(config, inputs, labels, folder, n_classes, number), progress)
        metrics[f"round {number}"] = describe_round(folder, labels, found)
        labels = folder / PSEUDO_LABELS.file
    last = SegmenterTraining(config, inputs, labels, workdir, n_classes, config.rounds)
    train(last, progress)
    stores = {PREDICTIONS.file: False, PREDICTIONS_CRF.file: True}
    predict(last, image_ids, stores if config.crf.predictions else {PREDICTIONS.file: False}, progress)
    predictions = LabelStore.open(workdir / PREDICTIONS.file)
    metrics |= {"losses": final_losses(workdir / TRAINING_LOG), **describe(predictions, n_classes)}
    if config.crf.predictions:
        refined = LabelStore.open(workdir / PREDICTIONS_CRF.file)
        metrics["with_crf"] = {**describe(refined, n_classes), "changed": share_changed(predictions, refined)}
    return StageOutputs(items=len(predictions), unit="label maps", metrics=metrics)


def run_round(training: SegmenterTraining, progress: Progress) -> LabelStore:
    """Train, and give the pseudo-labels of the next round: the predictions on the training images."""
    training.folder.mkdir(exist_ok=True)
    train(training, progress)
    learnt = LabelStore.open(training.labels)
    image_ids = [learnt.image_ids[index] for index in training_images(training.inputs.source, learnt)]
    predict(training, image_ids, {PSEUDO_LABELS.file: training.config.crf.rounds}, progress)
    return LabelStore.open(training.folder / PSEUDO_LABELS.file)


def train(training: SegmenterTraining, progress: Progress) -> None:
    """Train unless the weights are there, on as many devices as there are."""
    if not (training.folder / SEGMENTER.file).exists():
        execution = training.inputs.execution
        count = count_devices(execution, training.config.batch_size, fewest=_FEWEST_CROPS)
        run_on_devices(train_segmenter, training, count, execution, progress)
    remove_checkpoints(training.folder / CHECKPOINT)


def predict(
    training: SegmenterTraining, image_ids: Sequence[str], stores: Mapping[str, bool], progress: Progress
) -> None:
    """Write those of the stores that are not there yet, in parts that a killed run does not lose.

    Args:
        training: The finished training.
        image_ids: The images to predict.
        stores: By name, whether the CRF refines the label maps.
        progress: Shows how far it is.
    """
    folder, inputs = training.folder, training.inputs
    missing = {name: with_crf for name, with_crf in stores.items() if not (folder / name).exists()}
    if missing:
        parts = folder / f"parts of {' and '.join(missing)}"
        progress.start("predict with CRF" if any(missing.values()) else "predict", len(image_ids), "images")
        job = PredictJob(training.config, inputs, folder / SEGMENTER.file, tuple(image_ids), missing)
        part_size = inputs.execution.part_size
        made = compute_parts(job, parts, len(image_ids), part_size, inputs.engine, progress.advance)
        for name in missing:
            merge_label_parts([part / name for part in made.folders], folder / name)
    for parts in folder.glob("parts of *"):
        shutil.rmtree(parts, ignore_errors=True)


@dataclass(frozen=True)
class PredictJob:
    """Predicting the label maps of some images with a trained segmenter."""

    config: SegmentConfig
    inputs: StageInputs
    weights: Path
    image_ids: tuple[str, ...]
    stores: Mapping[str, bool]

    def open(self) -> "PredictWorker":
        """Load the segmenter."""
        device = resolve_device(self.inputs.execution)
        features = FEATURES.open(self.inputs.artifacts) if self.config.learns_from_stored else None
        return PredictWorker(self, load_segmenter(self.weights, device)[0], device, features)


@dataclass(frozen=True, eq=False)
class PredictWorker:
    """The loaded segmenter, and the stored tokens of the images, where it learnt from such."""

    job: PredictJob
    model: Segmenter
    device: torch.device
    features: FeatureStore | None

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Write the label maps of some images."""
        job, source = self.job, self.job.inputs.source
        image_ids = list(job.image_ids[items.start : items.stop])
        if self.features is not None and answers(self.features, job.config):
            scored = score_stored(self.model, self.features, source, image_ids, job.config, self.device)
        else:
            batch_size = job.inputs.execution.batch_size
            scored = score_images(self.model, source, image_ids, job.config, batch_size, self.device)
        stores = {folder / name: with_crf for name, with_crf in job.stores.items()}
        write_scored(scored, image_ids, job.config, advance, stores)
        return PartReport(len(items))


def describe(predictions: LabelStore, n_classes: int) -> dict[str, Any]:
    """Fraction of all pixels that each class was given, background first."""
    counts = np.zeros(n_classes, dtype=np.int64)
    for index in range(len(predictions)):
        counts += np.bincount(predictions.read(index).ravel(), minlength=n_classes)
    return {"pixel_share": (counts / max(1, counts.sum())).tolist()}


def describe_round(folder: Path, learnt: Path, found: LabelStore) -> dict[str, Any]:
    """Its losses, and the fraction of the training pixels whose label is another one for the next round."""
    return {"losses": final_losses(folder / TRAINING_LOG), "changed": share_changed(LabelStore.open(learnt), found)}


def share_changed(before: LabelStore, after: LabelStore) -> float:
    """Share, 0-1, of the pixels of `after` that have another label in `before`, which holds the same images or more."""
    changed = sum(
        int((after.read(index) != before.read(before.index(image_id))).sum())
        for index, image_id in enumerate(after.image_ids)
    )
    return changed / max(1, int(after.offsets[-1]))
