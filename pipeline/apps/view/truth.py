"""The ground truth of the run that the page shows, and how its masks and images compare with it.

Shapes: M mined masks, I images of the source.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.catalog import stages_read
from maskdistill.data.errors import MissingArtifact
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.apps.output_names import VIEWS
from maskdistill.pipeline.apps.view.layers import MaskLayer
from maskdistill.pipeline.apps.view.maps import maps_of
from maskdistill.pipeline.apps.view.viewed_run import ViewedRun
from maskdistill.stages.evaluate.single import MaskScore, score_image, score_masks
from maskdistill.stages.evaluate.truth import Truth


class ViewedTruth:
    """Scores of single masks and images, computed when they are asked for, and kept.

    Args:
        run: The run; its data has ground truth.
    """

    def __init__(self, run: ViewedRun) -> None:
        self.run = run
        self.truth = Truth(run.plan.config.evaluate, run.source)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, background first."""
        return self.truth.class_names

    def class_of_cluster(self, layer: str) -> Mapping[str, str]:
        """Class of each cluster that has one, by number, as the evaluation of a layer's stage matched them."""
        scores = self.run.scores(VIEWS[layer])
        found: Mapping[str, str] = (scores.get("val") or scores.get("train") or {}).get("class_of_cluster", {})
        return found

    def masks_of(self, layer: str, image: int) -> list[MaskScore | None]:
        """The scores of an image's masks in a layer of masks; [] in one of label maps."""
        found = self.run.layer(layer)
        if not isinstance(found, MaskLayer):
            return []
        return list(score_masks(self.truth, image, found.store, found.columns.rows_of(image)))

    def image(self, layer: str, image: int) -> float | None:
        """The score of an image in a layer; None without ground truth."""
        image_id = self.run.source.ids[image]
        return score_image(self.truth, image, maps_of(self.run, layer)(image_id), self.class_of_cluster(layer))

    def mined(self) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """IoU float32 (M,) and class int32 (M,) of all mined masks; nan and -1 where they have none."""
        return self.run.keep("truth of masks", ("mine",), self._score_mined)

    def images(self, layer: str) -> NDArray[np.float32]:
        """IoU of all images in a layer, float32 (I,); nan where they have none."""
        return self.run.keep(f"truth of {layer}", stages_read(VIEWS[layer]), lambda: self._score_images(layer))

    def classes_of_clusters(self) -> list[dict[str, Any] | None]:
        """For each cluster the class of most of its mined masks, and their share; None where none has a class."""
        classes, cluster = self.mined()[1], self.run.clusters().cluster
        table = np.zeros((self.run.clusters().k, len(self.class_names)), dtype=np.int64)
        np.add.at(table, (cluster[classes >= 0], classes[classes >= 0]), 1)
        return [
            {"name": self.class_names[int(row.argmax())], "share": float(row.max() / row.sum())} if row.any() else None
            for row in table
        ]

    def _score_images(self, layer: str) -> NDArray[np.float32]:
        maps, classes = maps_of(self.run, layer), self.class_of_cluster(layer)
        found = [score_image(self.truth, i, maps(name), classes) for i, name in enumerate(self.run.source.ids)]
        return np.asarray([np.nan if one is None else one for one in found], dtype=np.float32)

    def _score_mined(self) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        masks: MaskStore = self.run.masks("mine")
        iou, classes = np.full(len(masks), np.nan, np.float32), np.full(len(masks), -1, np.int32)
        for position, image_id in enumerate(masks.image_ids):
            rows = masks.rows_of(position)
            for row, score in zip(
                rows, score_masks(self.truth, self.run.source.index(image_id), masks, rows), strict=True
            ):
                if score is not None:
                    iou[row], classes[row] = score.iou, -1 if score.class_id is None else score.class_id
        return iou, classes


def truth_of(run: ViewedRun) -> ViewedTruth | None:
    """The ground truth; None where the data has none."""
    if run.source.class_names is None or run.plan.labels_fingerprint is None:
        return None
    return run.keep("truth", (), lambda: ViewedTruth(run))


def describe_scores(truth: ViewedTruth, layer: str, image: int) -> dict[str, Any]:
    """IoU of an image in a layer, and IoU and class of each of its masks there; {} where the layer is not made."""
    try:
        masks = truth.masks_of(layer, image)
        iou = truth.image(layer, image)
    except MissingArtifact:
        return {}
    names = truth.class_names
    return {
        "iou": iou,
        "scores": [
            None if one is None else {"iou": one.iou, "class": None if one.class_id is None else names[one.class_id]}
            for one in masks
        ],
    }
