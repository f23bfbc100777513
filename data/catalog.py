"""What each stage leaves, and the one way to open it: stores, their files and their types.

`folders` is the folder of each stage's artifact, by name of the stage.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from maskdistill.data.errors import InputError
from maskdistill.data.stores.clusters import ClusterStore, with_clusters
from maskdistill.data.stores.labels import LabelStore
from maskdistill.data.stores.masks import MaskStore

Store = TypeVar("Store", MaskStore, ClusterStore, LabelStore)
Folders = Mapping[str, Path]


@dataclass(frozen=True)
class Output(Generic[Store]):
    """One store that a stage leaves in the folder of its artifact.

    Attributes:
        stage: Name of the stage.
        file: Name of the store in that folder.
        open_store: Opens the store at a path; raises MissingArtifact or CorruptArtifact.
    """

    stage: str
    file: str
    open_store: Callable[[Path], Store]

    def path(self, folders: Folders) -> Path:
        """Where it lies. Raises InputError where the artifact is not among the folders."""
        if self.stage not in folders:
            raise InputError(f"the artifact of {self.stage} is needed here and was not given")
        return folders[self.stage] / self.file

    def open(self, folders: Folders) -> Store:
        """Open it. Raises InputError, MissingArtifact or CorruptArtifact."""
        return self.open_store(self.path(folders))


MINED = Output("mine", "masks.zarr", MaskStore.open)
CLUSTERS = Output("cluster", "clusters.zarr", ClusterStore.open)
CANDIDATES = Output("distill", "candidates.zarr", MaskStore.open)
KEPT = Output("filter", "masks.zarr", MaskStore.open)
PSEUDO_LABELS = Output("filter", "labels.zarr", LabelStore.open)
PREDICTIONS = Output("segment", "predictions.zarr", LabelStore.open)
PREDICTIONS_CRF = Output("segment", "predictions_crf.zarr", LabelStore.open)
"""Only where the CRF applies to predictions."""

OPENERS: Mapping[str, Callable[[Path], object]] = {
    output.file: output.open_store
    for output in (MINED, CLUSTERS, CANDIDATES, KEPT, PSEUDO_LABELS, PREDICTIONS, PREDICTIONS_CRF)
}
"""How a store of that name is opened, whichever stage left it."""
MASKS: Mapping[str, Output[MaskStore]] = {"mine": MINED, "cluster": MINED, "distill": CANDIDATES, "filter": KEPT}
"""The masks of each stage that has some; those of `cluster` are the mined ones."""
LABELS: Mapping[str, Output[LabelStore]] = {"filter": PSEUDO_LABELS, "segment": PREDICTIONS}
"""The label maps of each stage that has some."""


def stages_read(stage: str) -> tuple[str, ...]:
    """The stages whose artifacts hold what a stage shows: its own, and for `cluster` the masks that it is about."""
    return ("mine", "cluster") if stage == "cluster" else (stage,)


def open_masks(stage: str, folders: Folders) -> MaskStore:
    """The masks of a stage of MASKS, those of `cluster` with their clusters; others as the stage left them.

    Raises:
        InputError: An artifact is not among the folders.
        MissingArtifact: A store is not there.
        CorruptArtifact: A store is damaged, or masks and clusters do not go together.
    """
    masks = MASKS[stage].open(folders)
    return with_clusters(masks, CLUSTERS.path(folders)) if stage == "cluster" else masks
