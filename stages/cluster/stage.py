"""Stage 2: a cluster for every mask (paper section 3.2). Writes `clusters.zarr`.

Shapes: M masks, D embedding dimensions, K clusters.
"""

import shutil
from pathlib import Path

import numpy as np

from maskdistill.data.catalog import CLUSTERS, MINED
from maskdistill.data.errors import InputError
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.stages.cluster.config import ClusterConfig
from maskdistill.stages.cluster.embed import EMBEDDING, EmbedJob
from maskdistill.stages.cluster.kmeans import assign, dimension_scale, fit, whiten
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.parts import compute_parts
from maskdistill.stages.progress import Progress


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
    progress.start("embeddings", len(masks), "masks")
    parts = compute_parts(
        EmbedJob(config, inputs),
        workdir / "parts",
        len(masks),
        inputs.execution.part_size,
        inputs.engine,
        progress.advance,
    )
    embedding = np.concatenate([np.load(part / EMBEDDING) for part in parts.folders])
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
