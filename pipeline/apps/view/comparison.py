"""Two runs over the same images: in which of them they differ most."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskdistill.data.arrays import IGNORE
from maskdistill.data.catalog import stages_read
from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.output_names import VIEWS
from maskdistill.pipeline.apps.view.embedding_map import EmbeddingMap, project_together
from maskdistill.pipeline.apps.view.maps import maps_of
from maskdistill.pipeline.apps.view.viewed_run import NotThere, ViewedRun
from maskdistill.stages.evaluate.confusion import ConfusionMatrix
from maskdistill.stages.evaluate.matching import hungarian


@dataclass(frozen=True, eq=False)
class Differences:
    """How two runs differ in a layer, over the n images that both have.

    Attributes:
        images: int64 (n,), indices into the images of the first run.
        others: int64 (n,), those of the second run.
        share: float32 (n,), fraction of the pixels in clusters that were not matched with each other; nan where the
            two are of different size.
        cluster_of: For each cluster of the second run, the one of the first that it is matched with.
    """

    images: NDArray[np.int64]
    others: NDArray[np.int64]
    share: NDArray[np.float32]
    cluster_of: dict[int, int]


class Comparison:
    """Two runs.

    Args:
        run: The one that the page is about.
        other: The one that it is compared with.

    Raises:
        InputError: They have no image in common.
    """

    def __init__(self, run: ViewedRun, other: ViewedRun) -> None:
        self.run, self.other = run, other
        places = {image_id: index for index, image_id in enumerate(other.source.ids)}
        pairs = [(i, places[image_id]) for i, image_id in enumerate(run.source.ids) if image_id in places]
        if not pairs:
            raise InputError("--against: the two runs have no image in common; compare runs over the same images")
        self.pairs = np.asarray(pairs, dtype=np.int64)

    def differences(self, layer: str) -> Differences:
        """Where they differ in a layer. Raises MissingArtifact where one of them has not made it."""
        version = self.other.version(*stages_read(VIEWS[layer]))
        return self.run.keep(f"compare {layer} {version}", stages_read(VIEWS[layer]), lambda: self._compare(layer))

    def joint_map(self) -> EmbeddingMap:
        """The masks of both runs on one map, those of the first one first.

        Raises:
            MissingArtifact: One of them has not clustered its masks.
            NotThere: Their embeddings are of different length, as those of different ViTs are.
        """
        one, other = self.run.stored_clusters(), self.other.stored_clusters()
        if one.embedding.shape[1] != other.embedding.shape[1]:
            raise NotThere("the embeddings of the two runs are of different length; a map of both needs the same ViT")
        version = self.other.version("mine", "cluster")
        return self.run.keep(f"map of both {version}", ("mine", "cluster"), lambda: project_together(one, other))

    def _compare(self, layer: str) -> Differences:
        first, second, ids = maps_of(self.run, layer), maps_of(self.other, layer), self.run.source.ids
        confusion, counts = ConfusionMatrix(IGNORE, IGNORE), list[NDArray[np.int64] | None]()
        for index in self.pairs[:, 0].tolist():
            a, b = first(ids[index]), second(ids[index])
            a = np.zeros_like(b) if a is None and b is not None else a
            b = np.zeros_like(a) if b is None and a is not None else b
            if a is None or b is None:
                counts.append(np.zeros((0, 3), dtype=np.int64))
            elif a.shape != b.shape:
                counts.append(None)
            else:
                counts.append(_nonzero(confusion.update(a, b)))
        matching = hungarian(confusion.matrix)
        matching[0] = 0
        share = np.asarray([np.nan if one is None else _differing(one, matching) for one in counts], dtype=np.float32)
        pairs = {p - 1: c - 1 for p, c in enumerate(matching.tolist()) if p and c > 0}
        return Differences(self.pairs[:, 0], self.pairs[:, 1], share, pairs)


def _nonzero(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The counts that are not 0, each as (row, column, count)."""
    rows, columns = np.nonzero(counts)
    return np.stack([rows, columns, counts[rows, columns]], axis=1)


def _differing(counts: NDArray[np.int64], matching: NDArray[np.int64]) -> float:
    """Fraction of an image's pixels whose two ids are not matched with each other."""
    same = matching[counts[:, 1]] == counts[:, 0]
    return float(counts[~same, 2].sum() / max(1, counts[:, 2].sum()))
