"""The distill stage: mined masks and their clusters in, scored candidates of every image out."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from data.clusters import ClusterStore
from data.masks import MaskStore, merge_parts
from data.parts import compute_parts
from stages.contract import StageInputs, StageOutputs
from stages.device import resolve_device
from stages.distill.config import DistillConfig
from stages.distill.dataset import collate, training_data
from stages.distill.detector import Detector
from stages.distill.predict import predict_part
from stages.distill.torchvision_backend import TorchvisionDetector
from stages.loss_log import final_losses
from stages.progress import Progress
from stages.samples import SampleStream, derive_seed
from stages.training import CHECKPOINT, LOG, Trainer
from stages.weights_file import read_description, save_weights

WEIGHTS = "detector.safetensors"
_BACKENDS: dict[str, Callable[[DistillConfig, int, str | None], Detector]] = {"torchvision": TorchvisionDetector}


def run(config: DistillConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    """Train a detector on the mined masks, then predict on every image (section 3 of the method).

    Reads `mine/masks.zarr` and `cluster/clusters.zarr`; writes `candidates.zarr` (MaskStore with score and cluster,
    by descending score in each image), `detector.safetensors` and `training.jsonl`.

    Raises:
        InputError: No training image has a mask, or the backbone's weights do not fit.
        CorruptArtifact: Masks and clusters do not go together.
        MaskDistillError: The loss is not finite, or an image changed since it was mined.
    """
    masks = MaskStore.open(inputs.artifacts["mine"] / "masks.zarr")
    clusters = ClusterStore.open(inputs.artifacts["cluster"] / "clusters.zarr")
    detector = train_detector(config, inputs, masks, clusters, workdir, progress)
    progress.start("predict", len(masks.image_ids), "images")
    device, execution = resolve_device(inputs.execution), inputs.execution

    def compute(images: range, path: Path) -> None:
        ids = list(masks.image_ids[images.start : images.stop])
        predict_part(detector, inputs.source, ids, config, execution.batch_size, device, progress).save(path)

    folder = workdir / "parts"
    parts = compute_parts(folder, len(masks.image_ids), execution.part_size, compute, on_skip=progress.advance)
    candidates = merge_parts(parts, workdir / "candidates.zarr")
    shutil.rmtree(folder, ignore_errors=True)
    (workdir / CHECKPOINT).unlink()
    metrics = {**describe(candidates), "iterations": config.iterations, "losses": final_losses(workdir / LOG)}
    return StageOutputs(items=len(candidates), unit="candidates", metrics=metrics)


def train_detector(
    config: DistillConfig,
    inputs: StageInputs,
    masks: MaskStore,
    clusters: ClusterStore,
    workdir: Path,
    progress: Progress,
) -> Detector:
    """Train from the last checkpoint in `workdir` and write the weights; gives the detector, ready for use."""
    data = training_data(inputs.source, masks, clusters.cluster, config)
    torch.manual_seed(derive_seed(inputs.seed))
    detector = _BACKENDS[config.backend](config, clusters.k, config.weights)
    trainer = Trainer(
        module=detector.module,
        losses=lambda batch: detector.losses(*batch),
        samples=SampleStream(len(data), data.load, inputs.seed),
        collate=collate,
        recipe=config.recipe(),
        workdir=workdir,
        execution=inputs.execution,
        device=resolve_device(inputs.execution),
        progress=progress,
    )
    trainer.run()
    save_weights(workdir / WEIGHTS, detector.module, {"config": config.model_dump(), "n_clusters": clusters.k})
    return detector


def load_detector(path: Path, device: torch.device) -> Detector:
    """A detector ready for use, from the `detector.safetensors` of an artifact.

    Raises:
        MissingArtifact, CorruptArtifact: There is no such file, or it is of something else.
    """
    description = read_description(path)
    config = DistillConfig(**description["config"])
    detector = _BACKENDS[config.backend](config, description["n_clusters"], None)
    detector.module.load_state_dict(load_file(path))
    detector.module.to(device).eval()
    return detector


def describe(candidates: MaskStore) -> dict[str, Any]:
    """Figures that need no ground truth; the histogram has ten bins from score 0 to 1."""
    per_image = np.bincount(candidates.image, minlength=len(candidates.image_ids))
    histogram, _ = np.histogram(candidates.score, bins=10, range=(0, 1))
    return {
        "candidates": len(candidates),
        "candidates_per_image": len(candidates) / max(1, len(candidates.image_ids)),
        "images_without_candidate": int((per_image == 0).sum()),
        "score_histogram": histogram.tolist(),
    }
