"""The segment stage: pseudo-labels in, a segmentation model and its predictions out."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from data.clusters import ClusterStore
from data.errors import InputError
from data.images import ImageSource
from data.labels import LabelStore, merge_label_parts
from data.parts import compute_parts
from stages.contract import StageInputs, StageOutputs
from stages.device import resolve_device
from stages.loss_log import final_losses
from stages.progress import Progress
from stages.samples import SampleStream, derive_seed
from stages.segment.augment import SegmentationData, collate
from stages.segment.config import SegmentConfig
from stages.segment.model import Segmenter
from stages.segment.ohem import ohem_cross_entropy
from stages.segment.predict import predict_part
from stages.training import CHECKPOINT, LOG, Trainer
from stages.weights_file import read_description, save_weights

WEIGHTS = "segmenter.safetensors"


def run(config: SegmentConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    """Train DeepLab-v3 on the pseudo-labels of the training images, then predict on every image (section 5).

    Reads `filter/labels.zarr` and the number of clusters from `cluster/clusters.zarr`; writes `predictions.zarr`
    (LabelStore, each map at its image's own size), `segmenter.safetensors` and `training.jsonl`.

    Raises:
        InputError: There is no training image, or the backbone's weights do not fit.
        MaskDistillError: The loss is not finite, or an image changed since it was mined.
    """
    labels = LabelStore.open(inputs.artifacts["filter"] / "labels.zarr")
    n_classes = ClusterStore.open(inputs.artifacts["cluster"] / "clusters.zarr").k + 1
    model = train_segmenter(config, inputs, labels, n_classes, workdir, progress)
    progress.start("predict", len(labels), "images")
    device, execution = resolve_device(inputs.execution), inputs.execution

    def compute(images: range, path: Path) -> None:
        ids = list(labels.image_ids[images.start : images.stop])
        predict_part(model, inputs.source, ids, config, execution.batch_size, device, progress, path)

    folder = workdir / "parts"
    parts = compute_parts(folder, len(labels), execution.part_size, compute, on_skip=progress.advance)
    predictions = merge_label_parts(parts, workdir / "predictions.zarr")
    shutil.rmtree(folder, ignore_errors=True)
    (workdir / CHECKPOINT).unlink()
    metrics = {"losses": final_losses(workdir / LOG), **describe(predictions, n_classes)}
    return StageOutputs(items=len(predictions), unit="label maps", metrics=metrics)


def train_segmenter(
    config: SegmentConfig, inputs: StageInputs, labels: LabelStore, n_classes: int, workdir: Path, progress: Progress
) -> Segmenter:
    """Train from the last checkpoint in `workdir` and write the weights; gives the model, ready for use."""
    images = training_images(inputs.source, labels)
    data = SegmentationData(inputs.source, labels, images, config)
    torch.manual_seed(derive_seed(inputs.seed))
    model = Segmenter(config, n_classes, config.weights)

    def losses(batch: Any) -> dict[str, torch.Tensor]:
        crops, target = batch
        logits = model.full_logits(crops, (config.crop, config.crop))
        return {"loss": ohem_cross_entropy(logits, target, config.keep_fraction)}

    trainer = Trainer(
        module=model,
        losses=losses,
        samples=SampleStream(len(images), data.load, inputs.seed),
        collate=collate,
        recipe=config.recipe(len(images)),
        workdir=workdir,
        execution=inputs.execution,
        device=resolve_device(inputs.execution),
        progress=progress,
    )
    trainer.run()
    save_weights(workdir / WEIGHTS, model, {"config": config.model_dump(), "n_classes": n_classes})
    return model


def load_segmenter(path: Path, device: torch.device) -> tuple[Segmenter, SegmentConfig]:
    """A model ready for use and its settings, from the `segmenter.safetensors` of an artifact.

    Raises:
        MissingArtifact, CorruptArtifact: There is no such file, or it is of something else.
    """
    description = read_description(path)
    config = SegmentConfig(**description["config"])
    model = Segmenter(config, description["n_classes"], None)
    model.load_state_dict(load_file(path))
    model.to(device).eval()
    return model, config


def training_images(source: ImageSource, labels: LabelStore) -> NDArray[np.int64]:
    """Indices into `labels` of the training images. Raises InputError where there are none."""
    train_ids = set(source.ids[: source.n_train])
    images = [index for index, image_id in enumerate(labels.image_ids) if image_id in train_ids]
    if not images:
        raise InputError("none of the pseudo-labels belongs to a training image, so there is nothing to learn from")
    return np.asarray(images, dtype=np.int64)


def describe(predictions: LabelStore, n_classes: int) -> dict[str, Any]:
    """Share of all pixels that each class was given, background first."""
    counts = np.zeros(n_classes, dtype=np.int64)
    for index in range(len(predictions)):
        counts += np.bincount(predictions.read(index).ravel(), minlength=n_classes)
    return {"pixel_share": (counts / max(1, counts.sum())).tolist()}
