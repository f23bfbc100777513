"""The features of every mask, in parts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from maskdistill.data.catalog import MINED
from maskdistill.data.errors import InputError
from maskdistill.stages.cluster.config import ClusterConfig
from maskdistill.stages.cluster.features import FEATURES
from maskdistill.stages.cluster.views import views
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.networks.vit import load_vit
from maskdistill.stages.networks.vit_inputs import batches, to_tensor
from maskdistill.stages.parts import Advance, PartReport
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.precision import autocast

EMBEDDING = "embedding.npy"


@dataclass(frozen=True)
class EmbedJob:
    """Embedding some of the mined masks."""

    config: ClusterConfig
    inputs: StageInputs

    def open(self) -> "EmbedWorker":
        """Load the ViT and the masks."""
        return EmbedWorker(self.config, self.inputs)


class EmbedWorker:
    """The loaded ViT, and the masks that it is to see."""

    def __init__(self, config: ClusterConfig, inputs: StageInputs) -> None:
        if config.model is None or config.weights is None:
            raise InputError("cluster.model, cluster.weights: must be set here; the pipeline fills in those of mine")
        self.config, self.source, self.batch_size = config, inputs.source, inputs.execution.batch_size
        self.features = FEATURES[config.features]
        self.masks = MINED.open(inputs.artifacts)
        self.device = resolve_device(inputs.execution)
        vit = load_vit(
            config.model,
            config.weights,
            inputs.artifacts,
            seed=inputs.seed,
            section="cluster",
            normalise=config.normalise,
        )
        self.vit = vit.to(self.device)

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Write `embedding.npy`, float32 (len(items), width), of some rows of the masks."""
        embedding = np.empty((len(items), self.features.parts * self.vit.dim), dtype=np.float32)
        prepared = views(self.masks, self.source, items, self.config, self.vit.patch_size)
        for batch in batches(prepared, self.vit.patch_size, self.batch_size, self.device):
            with torch.inference_mode(), autocast(self.device, self.config.precision):
                cover = torch.from_numpy(np.stack([one.cover.ravel() for one in batch])).to(self.device)
                features = self.features.of(self.vit, to_tensor(batch, self.vit, self.device), cover)
            embedding[[one.item - items.start for one in batch]] = features.cpu().numpy()
        np.save(folder / EMBEDDING, embedding)
        advance(len(items))
        return PartReport(len(items))
