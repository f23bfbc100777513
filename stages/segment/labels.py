"""Which label maps the segmenter learns from, and how many classes they have."""

from collections.abc import Mapping
from pathlib import Path

from maskdistill.data.catalog import CLUSTERS, HEAD, PATCH_CLUSTERS, PSEUDO_LABELS
from maskdistill.data.stores.clusters import read_k
from maskdistill.stages.networks.weights_file import read_description
from maskdistill.stages.segment.config import SegmentConfig


def labels_to_learn(config: SegmentConfig, artifacts: Mapping[str, Path]) -> tuple[Path, int]:
    """Path of the LabelStore, and the number of classes, the background among them."""
    if config.labels == "filter":
        return PSEUDO_LABELS.path(artifacts), read_k(CLUSTERS.path(artifacts)) + 1
    head = read_description(HEAD.path(artifacts))
    return PATCH_CLUSTERS.path(artifacts), int(head["k"]) + (not head["config"]["background"])
