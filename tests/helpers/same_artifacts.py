"""Whether two runs made the same, to the last bit."""

from collections.abc import Sequence

import numpy as np

from maskdistill.data.catalog import LABELS
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.labels import LabelStore
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.dag import STAGE_NAMES
from maskdistill.pipeline.plan import Plan


def assert_same_artifacts(first: Plan, second: Plan, stages: Sequence[str] = STAGE_NAMES) -> None:
    """Equal keys, masks, clusters and label maps."""
    runs = Run(first), Run(second)
    for stage in stages:
        assert first.stages[stage].key == second.stages[stage].key
        if stage == "cluster":
            assert_same_clusters(runs[0].clusters(), runs[1].clusters())
        elif stage in LABELS:
            assert_same_labels(runs[0].labels(stage), runs[1].labels(stage))
        else:
            assert_same_masks(runs[0].masks(stage), runs[1].masks(stage))


def assert_same_masks(first: MaskStore, second: MaskStore) -> None:
    assert first.image_ids == second.image_ids
    for name in ("image", "size_hw", "bbox_xywh", "area", "score", "cluster", "offsets", "counts"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


def assert_same_clusters(first: ClusterStore, second: ClusterStore) -> None:
    for name in ("cluster", "embedding", "distance", "centroids"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


def assert_same_labels(first: LabelStore, second: LabelStore) -> None:
    assert first.image_ids == second.image_ids
    for i in range(len(first)):
        np.testing.assert_array_equal(first.read(i), second.read(i))
