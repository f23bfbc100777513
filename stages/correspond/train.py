"""Training the head in one folder; what each process does where several share each batch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from maskdistill.data.catalog import HEAD
from maskdistill.data.errors import InputError
from maskdistill.stages.contract import StageInputs
from maskdistill.stages.correspond.coder import PatchCoder
from maskdistill.stages.correspond.config import CorrespondConfig
from maskdistill.stages.correspond.linkage import LINKED_ROWS, linked_centres
from maskdistill.stages.correspond.methods.method import PatchMethod
from maskdistill.stages.correspond.rows import code_rows
from maskdistill.stages.networks.weights_file import save_weights
from maskdistill.stages.progress import Progress
from maskdistill.stages.registry import CORRESPONDENCE
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.distributed import rank
from maskdistill.stages.training.samples import SampleStream
from maskdistill.stages.training.trainer import Trainer

PREPARED = "prepared"
"""Folder beside the head with what a method wrote before its training."""
_ROWS = 20_000
_STARTS, _PASSES = 5, 100


@dataclass(frozen=True)
class HeadTraining:
    """One training.

    Attributes:
        config: Of the stage.
        inputs: The images, the seed, the device, and the tokens.
        folder: Gets the checkpoint, the logs and HEAD.
    """

    config: CorrespondConfig
    inputs: StageInputs
    folder: Path


def train_head(training: HeadTraining, progress: Progress) -> None:
    """Train from the last checkpoint in the folder, if at all, and write the head and the centres of the clusters."""
    config, inputs = training.config, training.inputs
    device = resolve_device(inputs.execution)
    make: type[PatchMethod] = CORRESPONDENCE.chosen(config).load()
    method = make(config, inputs, training.folder / PREPARED, device, progress)
    if config.own.learns:
        Trainer(
            fit=method,
            samples=SampleStream(len(method.windows), method.load, inputs.seed),
            collate=method.collate,
            recipe=config.recipe(),
            workdir=training.folder,
            execution=inputs.execution,
            device=device,
            progress=progress,
            identity=config.used(),
        ).run()
    if rank() == 0:
        finish_centres(method, progress)
        description = {"dim": method.features.dim, "k": config.k, "config": config.model_dump(mode="json")}
        save_weights(training.folder / HEAD.file, method.coder, {**description, **method.facts()})


def finish_centres(method: PatchMethod, progress: Progress) -> None:
    """Fit the centres where they are not learnt, and put that of the background first, where there is one."""
    config, coder = method.config, method.coder.to(method.device).eval()
    probe = coder.probe.centres
    if config.clusterer != "probe":
        progress.start(config.clusterer, 1, "fits")
        probe.data.copy_(torch.from_numpy(_fitted(method, coder, len(probe))))
        progress.advance()
    if config.background:
        first = at_borders(method, coder)
        order = [first, *(number for number in range(len(probe)) if number != first)]
        probe.data.copy_(probe.data[order].clone())


def _fitted(method: PatchMethod, coder: PatchCoder, k: int) -> NDArray[np.float32]:
    seed, linked = method.inputs.seed, method.config.clusterer == "linkage"
    most = LINKED_ROWS if linked else _ROWS
    rows = code_rows(coder, method.features, method.images, most, seed, mirror=method.config.mirror)
    if len(rows) < k:
        raise InputError(f"correspond.k: {k} clusters of {len(rows)} patches; lower it, or give more images")
    return linked_centres(rows, k) if linked else fit_centres(rows, k, seed)


def fit_centres(rows: NDArray[np.float32], k: int, seed: int) -> NDArray[np.float32]:
    """Centres of K-means, float32 (k, C), of rows (n, C) of length 1."""
    kmeans = KMeans(n_clusters=k, n_init=_STARTS, max_iter=_PASSES, random_state=seed).fit(rows)
    return np.asarray(kmeans.cluster_centers_, dtype=np.float32)


@torch.inference_mode()
def at_borders(method: PatchMethod, coder: PatchCoder) -> int:
    """The cluster of most of the patches at the borders of the training images."""
    counts = torch.zeros(coder.probe.centres.shape[0], dtype=torch.int64)
    for image in method.images:
        codes = coder.codes_of(method.features, int(image), mirror=method.config.mirror)
        clusters = coder.probe(codes[None])[0].argmax(dim=0).cpu()
        border = torch.cat([clusters[0], clusters[-1], clusters[:, 0], clusters[:, -1]])
        counts += border.bincount(minlength=len(counts))
    return int(counts.argmax())
