"""Stage 2: a cluster for every mask (paper section 3.2). Writes `clusters.zarr`.

Shapes: M masks, D embedding dimensions, K clusters.
"""

import shutil
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from maskdistill.data.catalog import CLUSTERS, MINED
from maskdistill.data.errors import InputError
from maskdistill.data.parts import compute_parts
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.cluster.config import ClusterConfig
from maskdistill.stages.cluster.kmeans import assign, dimension_scale, fit, whiten
from maskdistill.stages.cluster.views import views
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.networks.vit import find_weights, load_vit
from maskdistill.stages.networks.vit_inputs import batches, to_tensor
from maskdistill.stages.progress import Progress
from maskdistill.stages.training.device import resolve_device
from maskdistill.stages.training.precision import autocast


def run(config: ClusterConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    """Embed all masks, fit K-means on those of training images that are large enough, and assign all of them.

    Args:
        config: The settings of the stage, `model` and `weights` filled in.
        inputs: The images and the artifact of `mine`.
        workdir: Where `clusters.zarr` is written, one row per row of the mined masks.
        progress: Told about every mask.

    Returns:
        The number of masks; cluster sizes and inertia as metrics. Cluster ids stay as K-means gave them.

    Raises:
        InputError: Fewer such masks than clusters, or an unusable model or weights.
    """
    masks = MINED.open(inputs.artifacts)
    fitted = inputs.source.are_train(masks.image_ids)[masks.image] & (masks.area_share >= config.min_area)
    if fitted.sum() < config.k:
        raise InputError(
            f"cluster.k: {config.k} clusters need at least as many masks, but the training images have only "
            f"{fitted.sum()} of at least cluster.min_area; lower cluster.k or give more training images"
        )
    embedding = _embed(config, inputs, masks, workdir / "parts", progress)
    scale = dimension_scale(embedding[fitted])
    whitened = whiten(embedding, scale)
    progress.start("k-means", 1, "fits")
    centroids, inertia = fit(
        whitened[fitted],
        config.k,
        batch_size=config.batch_size_kmeans,
        n_init=config.n_init,
        max_iter=config.max_iter,
        seed=inputs.seed,
    )
    cluster, distance = assign(whitened, centroids)
    progress.advance(inertia=inertia)
    ClusterStore(embedding, cluster, distance, centroids, scale).save(workdir / CLUSTERS.file)
    shutil.rmtree(workdir / "parts", ignore_errors=True)
    sizes = np.bincount(cluster, minlength=config.k).tolist()
    return StageOutputs(len(masks), "masks", {"clusters": config.k, "cluster_sizes": sizes, "inertia": inertia})


def _embed(
    config: ClusterConfig, inputs: StageInputs, masks: MaskStore, folder: Path, progress: Progress
) -> NDArray[np.float32]:
    """Class token of each mask's view, float32 (M, D), computed in parts."""
    if config.model is None or config.weights is None:
        raise InputError("cluster.model, cluster.weights: must be set here; the pipeline fills in those of mine")
    device = resolve_device(inputs.execution)
    weights = find_weights(config.weights, inputs.artifacts)
    backbone = load_vit(config.model, weights, inputs.seed, section="cluster", normalise=config.normalise).to(device)
    progress.start("embeddings", len(masks), "masks")

    def compute(rows: range, path: Path) -> None:
        embedding = np.empty((len(rows), backbone.dim), dtype=np.float32)
        prepared = views(masks, inputs.source, rows, config, backbone.patch_size)
        for batch in batches(prepared, backbone.patch_size, inputs.execution.batch_size):
            with torch.inference_mode(), autocast(device, config.precision):
                tokens = backbone.class_token(to_tensor(batch, backbone, device))
            embedding[[one.item - rows.start for one in batch]] = tokens.float().cpu().numpy()
        with path.open("wb") as file:
            np.save(file, embedding)
        progress.advance(len(rows))

    parts = compute_parts(folder, len(masks), inputs.execution.part_size, compute, progress.advance)
    return np.concatenate([np.load(part) for part in parts])
