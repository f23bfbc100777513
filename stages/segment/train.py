"""Training the segmenter in one folder; what each process does where several train together."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

from maskdistill.data.catalog import FEATURES, SEGMENTER
from maskdistill.data.errors import CorruptArtifact, InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.labels import LabelStore
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.features.crops import TokenCrops
from maskdistill.stages.known_images import read_known
from maskdistill.stages.networks.vit import VisionBackbone, build_backbone, load_vit
from maskdistill.stages.networks.vit_tuning import freeze_vit, rate_factors
from maskdistill.stages.networks.vit_weights import Architecture
from maskdistill.stages.networks.weights_file import pixels_of, read_description, save_weights
from maskdistill.stages.old_names import modern_section
from maskdistill.stages.progress import Progress
from maskdistill.stages.segment.augment import SegmentationData, collate
from maskdistill.stages.segment.config import SegmentConfig
from maskdistill.stages.segment.fit import SegmenterFit
from maskdistill.stages.segment.inference import views_of
from maskdistill.stages.segment.model import Segmenter
from maskdistill.stages.segment.trunks.vit import VitTrunk
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.distributed import rank
from maskdistill.stages.training.samples import SampleStream, derive_seed, round_seed
from maskdistill.stages.training.trainer import Trainer
from maskdistill.stages.weights import find_checkpoint

_IMAGES_FOR_STATISTICS = 64


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
    torch.manual_seed(derive_seed(training.seed))
    vit = find_vit(config, inputs)
    weights = None if vit else find_checkpoint(config.weights, inputs.artifacts)
    model = Segmenter(config, training.n_classes, weights, vit)
    learnt = _from_stored if config.learns_from_stored else _from_images
    data, fit = learnt(training, model, labels, images)
    trainer = Trainer(
        fit=fit,
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
        description |= {"vit": vit.architecture.described()} if vit else {}
        save_weights(training.folder / SEGMENTER.file, model, description)


def find_vit(config: SegmentConfig, inputs: StageInputs) -> VisionBackbone | None:
    """The ViT under the segmenter, as much of it frozen as is set; None = it stands on a ResNet. Raises InputError."""
    if config.backbone != "vit":
        return None
    if config.vit.model is None or config.weights is None:
        raise InputError("segment.vit.model, segment.weights: must be set; the pipeline fills in those of mine")
    vit = load_vit(
        config.vit.model,
        config.weights,
        inputs.artifacts,
        seed=inputs.seed,
        section="segment.vit",
        normalise=config.vit.normalise,
    )
    freeze_vit(vit, config.vit.freeze, "segment.vit.freeze")
    return vit


Learnt = tuple[SegmentationData | TokenCrops, SegmenterFit]


def _from_images(
    training: SegmenterTraining, model: Segmenter, labels: LabelStore, images: NDArray[np.int64]
) -> Learnt:
    """Samples of crops of the images, and a fit of all that is not frozen."""
    config, source = training.config, training.inputs.source
    data, trunk = SegmentationData(source, labels, images, config), model.backbone
    if not isinstance(trunk, VitTrunk):
        return data, SegmenterFit(model, trunk, model.head, config)
    known = [read_known(source, labels.image_ids[image]) for image in images[:_IMAGES_FOR_STATISTICS]]
    trunk.tokens.standardise_like(view for pixels in known for view in views_of(pixels, config)[:1])
    factors = rate_factors(trunk.tokens.vit, config.vit.lr_decay)
    return data, SegmenterFit(model, trunk, model.head, config, factors)


def _from_stored(
    training: SegmenterTraining, model: Segmenter, labels: LabelStore, images: NDArray[np.int64]
) -> Learnt:
    """Samples of stored tokens, and a fit of what comes behind them."""
    config, trunk = training.config, model.backbone
    assert isinstance(trunk, VitTrunk)
    features = FEATURES.open(training.inputs.artifacts)
    trunk.tokens.standard.set(torch.from_numpy(features.mean), torch.from_numpy(features.std))
    data = TokenCrops(
        features,
        [labels.image_ids[image] for image in images],
        lambda item: labels.read(int(images[item])),
        max(1, config.crop // trunk.tokens.vit.patch_size),
        config.flip,
    )
    neck = trunk.neck
    return data, SegmenterFit(nn.Sequential(neck, model.head), neck, model.head, config)


def load_segmenter(path: Path, device: torch.device) -> tuple[Segmenter, SegmentConfig]:
    """A model ready for use and its settings, from the `segmenter.safetensors` of an artifact.

    Raises:
        MissingArtifact, CorruptArtifact: There is no such file, or it is of something else.
    """
    description = read_description(path)
    try:
        config = SegmentConfig(**modern_section("segment", description["config"]))
        vit = build_backbone(Architecture.of(description["vit"])) if config.backbone == "vit" else None
        model = Segmenter(config, int(description["n_classes"]), vit=vit)
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
