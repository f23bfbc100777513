"""Stage 2: a cluster for every mask (paper section 3.2). Writes `clusters.zarr`.

Shapes: M masks, D embedding dimensions, K clusters.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.catalog import CLUSTERS, MINED
from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.cluster.choice import choose, range_of_k
from maskdistill.stages.cluster.codes import CodesJob
from maskdistill.stages.cluster.config import ClusterConfig
from maskdistill.stages.cluster.embed import EMBEDDING, EmbedJob
from maskdistill.stages.cluster.features import FEATURES
from maskdistill.stages.cluster.kmeans import assign_raw, dimension_scale, fit, whiten
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.parts import compute_parts
from maskdistill.stages.progress import Progress


def run(config: ClusterConfig, inputs: StageInputs, workdir: Path, progress: Progress) -> StageOutputs:
    """Embed all masks, fit K-means on those of training images that are large enough, and assign all of them.

    Args:
        config: The settings of the stage, `model` and `weights` filled in.
        inputs: The images and the artifact of `mine`; and that of `correspond` where masks are compared by codes.
        workdir: Where `clusters.zarr` is written, one row per row of the mined masks.
        progress: Told about every mask.

    Returns:
        The number of masks; cluster sizes and inertia as metrics, and with `k: auto` the table that K was chosen from
        as `choice`. Cluster ids stay as K-means gave them.

    Raises:
        InputError: Fewer such masks than clusters, or an unusable model or weights.
    """
    masks = MINED.open(inputs.artifacts)
    fitted = shaping_masks(config, masks, inputs.source)
    tried = numbers_to_try(config, int(fitted.sum()))
    embedding = _embed(config, inputs, workdir / "parts", len(masks), progress)
    width = embedding.shape[1]
    divided = not config.reads_codes and FEATURES[config.features].divided
    scale = dimension_scale(embedding, fitted) if divided else np.ones(width, np.float32)
    whitened = whiten(embedding, scale, fitted)
    k, metrics = tried[0], dict[str, Any]()
    if config.k == "auto":
        progress.start("number of clusters", len(tried), "numbers")
        choice = choose(whitened, tried, inputs.seed, progress.advance)
        k, metrics = choice.k, {"choice": choice.as_metrics()}
    progress.start("k-means", 1, "fits")
    centroids, inertia = fit(
        whitened,
        k,
        batch_size=config.batch_size_kmeans,
        n_init=config.n_init,
        max_iter=config.max_iter,
        seed=inputs.seed,
    )
    cluster, distance = assign_raw(embedding, scale, centroids)
    progress.advance(clusters=k, inertia=inertia)
    ClusterStore(embedding, cluster, distance, centroids, scale).save(workdir / CLUSTERS.file)
    shutil.rmtree(workdir / "parts", ignore_errors=True)
    sizes = np.bincount(cluster, minlength=k).tolist()
    return StageOutputs(len(masks), "masks", {"clusters": k, "cluster_sizes": sizes, "inertia": inertia, **metrics})


def shaping_masks(config: ClusterConfig, masks: MaskStore, source: ImageSource) -> NDArray[np.bool_]:
    """Which masks K-means is fitted on, bool (M,): those of training images that are large enough."""
    return source.are_train(masks.image_ids)[masks.image] & (masks.area_share >= config.min_area)


def numbers_to_try(config: ClusterConfig, masks: int) -> list[int]:
    """The number of clusters, or with `auto` those to choose among. Raises InputError where there are too few masks."""
    if config.k == "auto":
        return range_of_k(masks, config.k_range)
    if masks < config.k:
        raise InputError(
            f"cluster.k: {config.k} clusters need at least as many masks, but the training images have only "
            f"{masks} of at least cluster.min_area; lower cluster.k or give more training images"
        )
    return [config.k]


def _embed(
    config: ClusterConfig, inputs: StageInputs, folder: Path, n_masks: int, progress: Progress
) -> NDArray[np.float32]:
    progress.start("embeddings", n_masks, "masks")
    job = CodesJob(inputs) if config.reads_codes else EmbedJob(config, inputs)
    parts = compute_parts(job, folder, n_masks, inputs.execution.part_size, inputs.engine, progress.advance)
    first = np.load(parts.folders[0] / EMBEDDING)
    embedding, start = np.empty((n_masks, first.shape[1]), dtype=np.float32), 0
    for part in parts.folders:
        found = np.load(part / EMBEDDING)
        embedding[start : start + len(found)] = found
        start += len(found)
    return embedding
