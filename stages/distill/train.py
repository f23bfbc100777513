"""Training the detector in one folder; what each process does where several train together."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from maskdistill.data.catalog import DETECTOR
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.dataset import collate, training_data
from maskdistill.stages.distill.detectors.build import create_detector
from maskdistill.stages.distill.detectors.regions import RegionDetector
from maskdistill.stages.distill.start import describe_start, find_start, rebuild_start
from maskdistill.stages.distill.stored import learn_from_stored
from maskdistill.stages.features.crops import collate as collate_crops
from maskdistill.stages.networks.vit import VisionBackbone
from maskdistill.stages.networks.vit_tuning import rate_factors
from maskdistill.stages.networks.weights_file import pixels_of, read_description, save_weights
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.distributed import rank
from maskdistill.stages.training.fit import SimpleFit
from maskdistill.stages.training.samples import Sample, SampleStream, derive_seed, round_seed
from maskdistill.stages.training.trainer import Trainer

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
    if training.previous is None:
        start = find_start(config, inputs.artifacts, inputs.seed)
    else:
        start = rebuild_start(config, read_description(training.previous))
    detector = create_detector(config, n_clusters, start)
    if training.previous is not None:
        detector.module.load_state_dict(load_file(training.previous))
    load: Callable[[int], Sample] = data.load
    gather: Callable[[list[Any]], Any] = collate
    fit = SimpleFit(
        detector.module,
        lambda batch: detector.losses(*batch),
        rate_factors(start, config.vit.lr_decay) if isinstance(start, VisionBackbone) else {},
    )
    if isinstance(detector, RegionDetector):
        crops, fit = learn_from_stored(detector, data, inputs)
        load, gather = crops.load, collate_crops
    trainer = Trainer(
        fit=fit,
        samples=SampleStream(len(data), load, training.seed),
        collate=gather,
        recipe=config.recipe(len(data)),
        workdir=training.folder,
        execution=inputs.execution,
        device=resolve_device(inputs.execution),
        progress=progress,
        phase=f"train with {config.backend}",
    )
    trainer.run()
    if rank() == 0:
        description = {"config": config.model_dump(), "n_clusters": n_clusters, **pixels_of(inputs.source)}
        description |= describe_start(start)
        save_weights(training.folder / DETECTOR.file, detector.module, description)
