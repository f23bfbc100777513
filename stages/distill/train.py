"""Training the detector in one folder; what each process does where several train together."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from maskdistill.data.catalog import DETECTOR
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.dataset import collate, training_data
from maskdistill.stages.distill.detectors.build import create_detector
from maskdistill.stages.networks.weights_file import pixels_of, save_weights
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.distributed import rank
from maskdistill.stages.training.fit import SimpleFit
from maskdistill.stages.training.samples import SampleStream, derive_seed, round_seed
from maskdistill.stages.training.trainer import Trainer
from maskdistill.stages.weights import find_checkpoint

TARGETS = "targets.zarr"


@dataclass(frozen=True)
class DetectorTraining:
    """One training.

    Attributes:
        config: With its back end resolved.
        inputs: The images, the seed and the device.
        folder: Holds TARGETS (MaskStore with clusters); gets the checkpoint, the logs and DETECTOR.
        k: Number of clusters.
        previous: Weights of a detector to start from; None = from `config.weights`.
        round: Number of the round, from 1; every round shuffles and augments differently.
    """

    config: DistillConfig
    inputs: StageInputs
    folder: Path
    k: int
    previous: Path | None
    round: int = 1

    @property
    def seed(self) -> int:
        """Base of the random numbers of this round."""
        return round_seed(self.inputs.seed, self.round)


def train_detector(training: DetectorTraining, progress: Progress) -> None:
    """Train from the last checkpoint in the folder, and write the weights."""
    config, inputs = training.config, training.inputs
    targets = MaskStore.open(training.folder / TARGETS)
    if config.class_agnostic:
        targets = targets.with_columns(cluster=targets.cluster * 0)
    n_clusters = 1 if config.class_agnostic else training.k
    data = training_data(inputs.source, targets, config)
    torch.manual_seed(derive_seed(training.seed))
    detector = create_detector(
        config, n_clusters, None if training.previous else find_checkpoint(config.weights, inputs.artifacts)
    )
    if training.previous is not None:
        detector.module.load_state_dict(load_file(training.previous))
    trainer = Trainer(
        fit=SimpleFit(detector.module, lambda batch: detector.losses(*batch)),
        samples=SampleStream(len(data), data.load, training.seed),
        collate=collate,
        recipe=config.recipe(),
        workdir=training.folder,
        execution=inputs.execution,
        device=resolve_device(inputs.execution),
        progress=progress,
        phase=f"train with {config.backend}",
    )
    trainer.run()
    if rank() == 0:
        description = {"config": config.model_dump(), "n_clusters": n_clusters, **pixels_of(inputs.source)}
        save_weights(training.folder / DETECTOR.file, detector.module, description)
