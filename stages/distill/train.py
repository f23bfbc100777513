"""Training the detector in one folder; what each process does where several train together."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from maskdistill.data.catalog import DETECTOR
from maskdistill.data.errors import InputError
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.dataset import collate, training_data
from maskdistill.stages.distill.detectors.build import create_detector
from maskdistill.stages.distill.detectors.regions import RegionDetector
from maskdistill.stages.distill.stored import learn_from_stored
from maskdistill.stages.features.crops import collate as collate_crops
from maskdistill.stages.networks.vit import VisionBackbone, build_backbone, load_vit
from maskdistill.stages.networks.vit_tuning import freeze_vit, rate_factors
from maskdistill.stages.networks.vit_weights import Architecture
from maskdistill.stages.networks.weights_file import pixels_of, read_description, save_weights
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.distributed import rank
from maskdistill.stages.training.fit import SimpleFit
from maskdistill.stages.training.samples import Sample, SampleStream, derive_seed, round_seed
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
    vit = find_vit(training)
    detector = create_detector(config, n_clusters, find_resnet(training), vit)
    if training.previous is not None:
        detector.module.load_state_dict(load_file(training.previous))
    load: Callable[[int], Sample] = data.load
    gather: Callable[[list[Any]], Any] = collate
    fit = SimpleFit(
        detector.module,
        lambda batch: detector.losses(*batch),
        rate_factors(vit, config.vit.lr_decay) if vit else {},
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
        description |= {"vit": vit.architecture.described()} if vit else {}
        save_weights(training.folder / DETECTOR.file, detector.module, description)


def find_resnet(training: DetectorTraining) -> Path | None:
    """The weights that a ResNet starts from; None = it starts from nothing, or those of an earlier round follow."""
    config = training.config
    if config.backbone == "vit" or training.previous is not None:
        return None
    return find_checkpoint(config.weights, training.inputs.artifacts)


def find_vit(training: DetectorTraining) -> VisionBackbone | None:
    """The ViT under the detector, as much of it frozen as is set; None = it stands on a ResNet. Raises InputError."""
    config, inputs = training.config, training.inputs
    if config.backbone != "vit":
        return None
    if training.previous is not None:
        vit = build_backbone(Architecture.of(read_description(training.previous)["vit"]))
    elif config.vit.model is None or config.weights is None:
        raise InputError("distill.vit.model, distill.weights: must be set; the pipeline fills in those of mine")
    else:
        vit = load_vit(
            config.vit.model,
            config.weights,
            inputs.artifacts,
            seed=inputs.seed,
            section="distill.vit",
            normalise=config.vit.normalise,
        )
    freeze_vit(vit, config.vit.freeze, "distill.vit.freeze")
    return vit
