"""The distill stage: mined masks and their clusters in, scored candidates of every image out."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from maskdistill.data.catalog import CANDIDATES, CLUSTERS, DETECTOR, FEATURES, TRAINING_LOG, open_masks
from maskdistill.data.errors import CorruptArtifact
from maskdistill.data.stores.clusters import read_k
from maskdistill.data.stores.features import FeatureStore
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.distill.dataset import training_data
from maskdistill.stages.distill.detectors.build import create_detector
from maskdistill.stages.distill.detectors.detector import Detector
from maskdistill.stages.distill.detectors.regions import RegionDetector
from maskdistill.stages.distill.predict import predict_part
from maskdistill.stages.distill.rounds import clusters_by_overlap, next_targets
from maskdistill.stages.distill.start import rebuild_start
from maskdistill.stages.distill.stored import predict_stored
from maskdistill.stages.distill.train import TARGETS, DetectorTraining, train_detector
from maskdistill.stages.networks.weights_file import read_description
from maskdistill.stages.old_names import modern_section
from maskdistill.stages.parts import Advance, PartReport, compute_parts
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.checkpoints import remove_checkpoints
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.distributed import count_devices, run_on_devices
from maskdistill.stages.training.loss_log import final_losses
from maskdistill.stages.training.trainer import CHECKPOINT


def run(config: DistillConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    """Train a detector on the mined masks, then predict on every image (section 3 of the paper).

    Reads `mine/masks.zarr` and `cluster/clusters.zarr`; writes `candidates.zarr` (MaskStore with score and cluster,
    by descending score in each image), `detector.safetensors` and `training.jsonl`. Where there are several rounds,
    the same files of an earlier one lie in `round1` and so on.

    Raises:
        InputError: No training image has a mask, the backbone's weights do not fit, or the back end is not installed.
        CorruptArtifact: Masks and clusters do not go together.
        MaskDistillError: The loss is not finite, or an image changed since it was mined.
    """
    config = config.resolved()
    mined, k = read_mined(inputs)
    targets, previous = mined, None
    for number in range(1, config.rounds):
        folder = workdir / f"round{number}"
        training = DetectorTraining(config, inputs, folder, k, previous, number)
        candidates = run_round(training, targets, mined, progress)
        targets, previous = next_targets(candidates, targets, config.round_score), folder / DETECTOR.file
    last = DetectorTraining(config, inputs, workdir, k, previous, config.rounds)
    candidates = run_round(last, targets, mined, progress)
    metrics = {"backend": config.backend, **describe(candidates)}
    metrics["iterations"] = config.recipe(len(training_data(inputs.source, mined, config))).iterations
    return StageOutputs(
        items=len(candidates), unit="candidates", metrics={**metrics, "losses": final_losses(workdir / TRAINING_LOG)}
    )


def read_mined(inputs: StageInputs) -> tuple[MaskStore, int]:
    """The mined masks with their clusters, and the number of clusters. Raises CorruptArtifact."""
    return open_masks("cluster", inputs.artifacts), read_k(CLUSTERS.path(inputs.artifacts))


def run_round(training: DetectorTraining, targets: MaskStore, mined: MaskStore, progress: Progress) -> MaskStore:
    """Train on `targets` and predict; gives the candidates of all images of `mined`."""
    config, inputs, folder = training.config, training.inputs, training.folder
    store = folder / CANDIDATES.file
    if store.exists():
        shutil.rmtree(folder / "parts", ignore_errors=True)
        return MaskStore.open(store)
    if not (folder / DETECTOR.file).exists():
        folder.mkdir(exist_ok=True)
        if not (folder / TARGETS).exists():
            targets.save(folder / TARGETS)
        count = count_devices(inputs.execution, config.batch_size)
        run_on_devices(train_detector, training, count, inputs.execution, progress)
    shutil.rmtree(folder / TARGETS, ignore_errors=True)
    remove_checkpoints(folder / CHECKPOINT)
    candidates = predict_all(config, inputs, list(mined.image_ids), folder, progress)
    if config.class_agnostic:
        candidates = clusters_by_overlap(candidates, mined)
    candidates.save(store)
    shutil.rmtree(folder / "parts", ignore_errors=True)
    return candidates


def predict_all(
    config: DistillConfig, inputs: StageInputs, image_ids: list[str], folder: Path, progress: Progress
) -> MaskStore:
    """Candidates of the detector in `folder`, in parts that a killed run does not lose."""
    progress.start("predict", len(image_ids), "images")
    parts = compute_parts(
        DetectJob(config, inputs, folder / DETECTOR.file, tuple(image_ids)),
        folder / "parts",
        len(image_ids),
        inputs.execution.part_size,
        inputs.engine,
        progress.advance,
    )
    return MaskStore.concatenate([MaskStore.open(part / CANDIDATES.file) for part in parts.folders])


@dataclass(frozen=True)
class DetectJob:
    """Predicting the candidates of some images with a trained detector."""

    config: DistillConfig
    inputs: StageInputs
    weights: Path
    image_ids: tuple[str, ...]

    def open(self) -> "DetectWorker":
        """Load the detector."""
        device = resolve_device(self.inputs.execution)
        features = FEATURES.open(self.inputs.artifacts) if self.config.learns_from_stored else None
        return DetectWorker(self, load_detector(self.weights, device), device, features)


@dataclass(frozen=True, eq=False)
class DetectWorker:
    """The loaded detector, and the stored tokens of the images, where it learnt from such."""

    job: DetectJob
    detector: Detector
    device: torch.device
    features: FeatureStore | None

    def write(self, items: range, folder: Path, advance: Advance) -> PartReport:
        """Write the candidates of some images."""
        job, inputs = self.job, self.job.inputs
        image_ids, batch_size = list(job.image_ids[items.start : items.stop]), inputs.execution.batch_size
        if self.features is not None and isinstance(self.detector, RegionDetector):
            found = predict_stored(self.detector, self.features, image_ids, job.config, self.device, advance)
        else:
            found = predict_part(self.detector, inputs.source, image_ids, job.config, batch_size, self.device, advance)
        found.save(folder / CANDIDATES.file)
        return PartReport(len(items))


def load_detector(path: Path, device: torch.device) -> Detector:
    """A detector ready for use, from the `detector.safetensors` of an artifact.

    Raises:
        MissingArtifact, CorruptArtifact: There is no such file, or it is of something else.
        InputError: Its back end is not installed.
    """
    config, n_clusters = read_detector(path)
    try:
        start = rebuild_start(config, read_description(path))
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptArtifact(f"{path}: not a detector of this project ({error})") from error
    detector = create_detector(config, n_clusters, start)
    detector.module.load_state_dict(load_file(path))
    detector.module.to(device).eval()
    return detector


def read_detector(path: Path) -> tuple[DistillConfig, int]:
    """The settings that a detector was trained with, and its number of clusters. Raises as `load_detector` does."""
    description = read_description(path)
    try:
        return DistillConfig(**modern_section("distill", description["config"])), int(description["n_clusters"])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptArtifact(f"{path}: not a detector of this project ({error})") from error


def describe(candidates: MaskStore) -> dict[str, Any]:
    """Metrics that need no ground truth; the histogram has ten bins from score 0 to 1."""
    per_image = np.bincount(candidates.image, minlength=len(candidates.image_ids))
    histogram, _ = np.histogram(candidates.score, bins=10, range=(0, 1))
    return {
        "candidates": len(candidates),
        "candidates_per_image": len(candidates) / max(1, len(candidates.image_ids)),
        "images_without_candidate": int((per_image == 0).sum()),
        "score_histogram": histogram.tolist(),
    }
