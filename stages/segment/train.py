"""Training the segmenter in one folder; what each process does where several train together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from maskdistill.data.catalog import SEGMENTER
from maskdistill.data.errors import CorruptArtifact, InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.labels import LabelStore
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.networks.weights_file import pixels_of, read_description, save_weights
from maskdistill.stages.old_names import modern_section
from maskdistill.stages.progress import Progress
from maskdistill.stages.segment.augment import SegmentationData, collate
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.model import Segmenter
from maskdistill.stages.segment.ohem import ohem_cross_entropy
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.distributed import rank
from maskdistill.stages.training.fit import SimpleFit
from maskdistill.stages.training.samples import SampleStream, derive_seed, round_seed
from maskdistill.stages.training.trainer import Trainer
from maskdistill.stages.weights import find_checkpoint


@dataclass(frozen=True)
class SegmenterTraining:
    """One training.

    Attributes:
        config: Of the stage.
        inputs: The images, the seed and the device.
        labels: LabelStore to learn from, that of some images at least.
        folder: Gets the checkpoint, the logs and SEGMENTER.
        n_classes: Clusters + 1.
        round: Number of the round, from 1; every round shuffles and starts differently.
    """

    config: SegmentConfig
    inputs: StageInputs
    labels: Path
    folder: Path
    n_classes: int
    round: int = 1

    @property
    def seed(self) -> int:
        """Base of the random numbers of this round."""
        return round_seed(self.inputs.seed, self.round)


def train_segmenter(training: SegmenterTraining, progress: Progress) -> None:
    """Train from the last checkpoint in the folder, and write the weights; runs in each process that takes part."""
    config, inputs = training.config, training.inputs
    labels = LabelStore.open(training.labels)
    images = training_images(inputs.source, labels)
    data = SegmentationData(inputs.source, labels, images, config)
    torch.manual_seed(derive_seed(training.seed))
    model = Segmenter(config, training.n_classes, find_checkpoint(config.weights, inputs.artifacts))

    def losses(batch: Any) -> dict[str, torch.Tensor]:
        crops, target = batch
        logits = model.full_logits(crops, (config.crop, config.crop))
        return {"loss": ohem_cross_entropy(logits, target, config.keep_fraction, keep_of=config.keep_of)}

    trainer = Trainer(
        fit=SimpleFit(model, losses),
        samples=SampleStream(len(images), data.load, training.seed),
        collate=collate,
        recipe=config.recipe(len(images)),
        workdir=training.folder,
        execution=inputs.execution,
        device=resolve_device(inputs.execution),
        progress=progress,
        phase="train" if config.rounds == 1 else f"train, round {training.round}",
    )
    trainer.run()
    if rank() == 0:
        description = {"config": config.model_dump(), "n_classes": training.n_classes, **pixels_of(inputs.source)}
        save_weights(training.folder / SEGMENTER.file, model, description)


def load_segmenter(path: Path, device: torch.device) -> tuple[Segmenter, SegmentConfig]:
    """A model ready for use and its settings, from the `segmenter.safetensors` of an artifact.

    Raises:
        MissingArtifact, CorruptArtifact: There is no such file, or it is of something else.
    """
    description = read_description(path)
    try:
        config = SegmentConfig(**modern_section("segment", description["config"]))
        model = Segmenter(config, int(description["n_classes"]), None)
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptArtifact(f"{path}: not a segmenter of this project ({error})") from error
    model.load_state_dict(load_file(path))
    model.to(device).eval()
    return model, config


def training_images(source: ImageSource, labels: LabelStore) -> NDArray[np.int64]:
    """Indices into `labels` of the training images. Raises InputError where there are none."""
    images = np.flatnonzero(source.are_train(labels.image_ids)).astype(np.int64)
    if not len(images):
        raise InputError("none of the pseudo-labels belongs to a training image, so there is nothing to learn from")
    return images
