"""An optional stage: clusters of patches without masks. Writes `predictions.zarr`, `codes.zarr`, `head.safetensors`."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from maskdistill.data.catalog import CODES, FEATURES, HEAD, PATCH_CLUSTERS, TRAINING_LOG
from maskdistill.data.stores.labels import LabelStore, merge_label_parts
from maskdistill.data.stores.write_features import join_features
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.correspond.config import CorrespondConfig
from maskdistill.stages.correspond.methods.method import PatchMethod
from maskdistill.stages.correspond.predict import CodesJob
from maskdistill.stages.correspond.train import PREPARED, HeadTraining, train_head
from maskdistill.stages.networks.weights_file import read_description
from maskdistill.stages.parts import compute_parts
from maskdistill.stages.progress import Progress
from maskdistill.stages.registry import CORRESPONDENCE
from maskdistill.stages.training.checkpoints import remove_checkpoints
from maskdistill.stages.training.distributed import count_devices, run_on_devices
from maskdistill.stages.training.loss_log import final_losses
from maskdistill.stages.training.trainer import CHECKPOINT

_FEWEST_IMAGES = 2
"""On each device, as images are compared with each other."""


def run(config: CorrespondConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    """Train a head on the tokens of the training images, then give every pixel of every image a cluster.

    Reads `features/features.zarr`. Writes the label maps as a LabelStore, each at its image's own size; the head with
    the centres of the clusters; and the codes of the patches, where a head was trained.

    Raises:
        InputError: No number of clusters, or more than patches; fewer than two training images; or an unusable ViT.
        MaskDistillError: The loss is not finite, or an image changed since its tokens were stored.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    if not (workdir / HEAD.file).exists():
        method: type[PatchMethod] = CORRESPONDENCE.chosen(config).load()
        method.prepare(config, inputs, workdir / PREPARED, progress)
        training, execution = HeadTraining(config, inputs, workdir), inputs.execution
        count = count_devices(execution, config.batch_size, fewest=_FEWEST_IMAGES) if config.own.learns else 1
        run_on_devices(train_head, training, count, execution, progress)
    remove_checkpoints(workdir / CHECKPOINT)
    shutil.rmtree(workdir / PREPARED, ignore_errors=True)
    n_images = len(FEATURES.open(inputs.artifacts))
    progress.start("codes", n_images, "images")
    job, parts = CodesJob(config, inputs, workdir / HEAD.file), workdir / "parts"
    made = compute_parts(job, parts, n_images, inputs.execution.part_size, inputs.engine, progress.advance)
    labels = merge_label_parts([part / PATCH_CLUSTERS.file for part in made.folders], workdir / PATCH_CLUSTERS.file)
    if config.own.learns:
        join_features([part / CODES.file for part in made.folders], workdir / CODES.file)
    shutil.rmtree(parts, ignore_errors=True)
    return StageOutputs(len(labels), "label maps", describe(config, labels, workdir))


def describe(config: CorrespondConfig, labels: LabelStore, folder: Path) -> dict[str, Any]:
    """Metrics that need no ground truth: pixels of each cluster, final losses, and what the method has to say."""
    counts = np.zeros(256, dtype=np.int64)
    for index in range(len(labels)):
        counts += np.bincount(labels.read(index).ravel(), minlength=256)
    found = read_description(folder / HEAD.file)
    facts = {name: value for name, value in found.items() if name not in ("dim", "k", "config")}
    losses = {"losses": final_losses(folder / TRAINING_LOG)} if config.own.learns else {}
    first = 0 if config.background else 1
    return {"clusters": config.k, "cluster_px": counts[first : first + (config.k or 0)].tolist(), **losses, **facts}
