"""Statistics of what a stage made that need no ground truth: counts, quantiles and histograms."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from maskdistill.data.catalog import CLUSTERS, FEATURES, LABELS
from maskdistill.data.naming import NO_NAMES, ClusterNames
from maskdistill.data.stores.features import FeatureStore
from maskdistill.data.stores.labels import LabelStore
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.apps.inspect.histogram import Histogram
from maskdistill.pipeline.apps.outputs import Run

Statistics = dict[str, Any]
QUANTILES = {"min": 0.0, "p25": 0.25, "median": 0.5, "p75": 0.75, "max": 1.0}


def summarise(run: Run, stage: str) -> Statistics:
    """Of the features or the label maps of a stage, or where it has none of its masks; see the functions below.

    `cluster` has the distance of each mask to its centroid as well. Raises MissingArtifact where it is not finished.
    """
    if stage == FEATURES.stage:
        return feature_statistics(FEATURES.open({stage: run.folder(stage)}))
    if stage in LABELS:
        return label_statistics(run.labels(stage))
    statistics = mask_statistics(run.masks(stage))
    if stage == CLUSTERS.stage:
        distance = run.clusters().distance
        statistics["distance"] = quantiles(distance)
        statistics["histograms"]["distance"] = Histogram.of(distance, high=float(distance.max(initial=0)) or 1.0)
    return statistics


def mask_statistics(masks: MaskStore) -> Statistics:
    """Of a mask store: counts, quantiles by column, `cluster_sizes` by cluster, and `histograms` by column."""
    per_image = np.bincount(masks.image, minlength=len(masks.image_ids))
    share = masks.area_share
    clusters, sizes = np.unique(masks.cluster[masks.cluster >= 0], return_counts=True)
    return {
        "images": len(masks.image_ids),
        "masks": len(masks),
        "images_without_mask": int((per_image == 0).sum()),
        "masks_per_image": quantiles(per_image),
        "area_share": quantiles(share),
        "score": quantiles(masks.score),
        "cluster_sizes": dict(zip(clusters.tolist(), sizes.tolist(), strict=True)),
        "histograms": {
            "masks_per_image": Histogram.of_whole(per_image),
            "area_share": Histogram.of(share),
            "score": Histogram.of(masks.score),
        },
    }


def label_statistics(labels: LabelStore) -> Statistics:
    """Of label maps: fraction of all pixels, and number of images, by label value. Reads one map at a time."""
    pixels = np.zeros(256, dtype=np.int64)
    images = np.zeros(256, dtype=np.int64)
    for i in range(len(labels)):
        counts = np.bincount(labels.read(i).ravel(), minlength=256)
        pixels += counts
        images += counts > 0
    share = pixels / max(1, pixels.sum())
    present = np.flatnonzero(pixels).tolist()
    return {
        "images": len(labels),
        "pixels": int(pixels.sum()),
        "pixel_share": {value: float(share[value]) for value in present},
        "images_with": {value: int(images[value]) for value in present},
    }


def feature_statistics(features: FeatureStore) -> Statistics:
    """Of patch tokens: how many there are, and quantiles of their statistics over the training images."""
    patches = features.grid_hw.prod(axis=1)
    return {
        "images": len(features),
        "patches": int(patches.sum()),
        "numbers_per_patch": features.dim,
        "patches_per_image": quantiles(patches),
        "mean": quantiles(features.mean),
        "std": quantiles(features.std),
    }


def quantiles(values: ArrayLike) -> dict[str, float]:
    """Five quantiles by name; {} of nothing."""
    array = np.asarray(values, dtype=float)
    if not array.size:
        return {}
    return dict(zip(QUANTILES, np.quantile(array, list(QUANTILES.values())).tolist(), strict=True))


def as_json(statistics: Statistics, names: ClusterNames = NO_NAMES) -> Statistics:
    """The same for another program to read, with the names that people gave clusters where they gave some."""
    histograms = {name: histogram.as_dict() for name, histogram in statistics.get("histograms", {}).items()}
    named = {"cluster_names": dict(names)} if names else {}
    return {**statistics, **({"histograms": histograms} if histograms else {}), **named}
