"""How well one linear layer on the segmenter's frozen features tells the true classes apart."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maskdistill.data.catalog import PREDICTIONS, SEGMENTER
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.evaluate.config import EvaluateConfig
from maskdistill.stages.evaluate.confusion import ConfusionMatrix
from maskdistill.stages.evaluate.metrics import NO_TRUTH
from maskdistill.stages.evaluate.scores import iou_per_class, miou, pixel_accuracy
from maskdistill.stages.evaluate.truth import Truth
from maskdistill.stages.progress import Progress
from maskdistill.stages.segment.linear_probe import LabelledImages, Probe, predict_probe, train_probe
from maskdistill.stages.segment.train import load_segmenter
from maskdistill.stages.training.device import resolve_device


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
        {"val": metrics} with `miou`, `pixel_accuracy` and `iou_per_class` from one confusion matrix and, where so
        configured, `miou_crf`; {"status": "no ground truth"} where training or validation images have none.

    Raises:
        InputError: An unknown class, or ground truth of another size than its image.
    """
    truth, device = Truth(config, source), resolve_device(execution)
    segmenter, settings = load_segmenter(artifacts["segment"] / SEGMENTER.file, device)
    known = set(PREDICTIONS.open(artifacts).image_ids)
    labelled = [i for i, name in enumerate(source.ids) if name in known and truth.labels(i) is not None]
    train = LabelledImages(source, truth.labels, [i for i in labelled if i < source.n_train], settings)
    val = LabelledImages(source, truth.labels, [i for i in labelled if i >= source.n_train], settings)
    if not train.images or not val.images:
        return NO_TRUTH
    torch.manual_seed(seed)
    probe = Probe(segmenter, len(truth.class_names))
    train_probe(probe, train, config.linear_probe, execution, seed, progress)
    return {"val": _score(probe, val, truth.class_names, progress, with_crf=config.linear_probe.crf)}


def _score(
    probe: Probe, data: LabelledImages, names: Sequence[str], progress: Progress, *, with_crf: bool
) -> dict[str, Any]:
    found = [ConfusionMatrix(len(names), len(names)) for _ in range(1 + with_crf)]
    progress.start("score linear probe", len(data.images), "images")
    for item in range(len(data.images)):
        _, pixels, labels = data.read(item)
        for confusion, predicted in zip(
            found, predict_probe(probe, pixels, data.config, with_crf=with_crf), strict=True
        ):
            confusion.update(labels, predicted)
        progress.advance()
    metrics = _metrics(found[0], names)
    return metrics | ({"miou_crf": _metrics(found[1], names)["miou"]} if with_crf else {})


def _metrics(confusion: ConfusionMatrix, names: Sequence[str]) -> dict[str, Any]:
    itself = np.arange(len(names))
    ious = iou_per_class(confusion.matrix, itself)
    return {
        "miou": miou(ious),
        "pixel_accuracy": pixel_accuracy(confusion.matrix, itself),
        "iou_per_class": {names[c]: iou for c, iou in ious.items()},
    }
