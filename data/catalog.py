"""What each stage leaves in the folder of its artifact, written down once: names of files, and how stores are opened.

Importing this costs nothing: what a store needs is imported when one is opened. `folders` is the folder of each stage's
artifact, by name of the stage.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from maskdistill.data.errors import InputError

if TYPE_CHECKING:
    from maskdistill.data.stores.clusters import ClusterStore
    from maskdistill.data.stores.features import FeatureStore
    from maskdistill.data.stores.labels import LabelStore
    from maskdistill.data.stores.masks import MaskStore

Store = TypeVar("Store", "MaskStore", "ClusterStore", "LabelStore", "FeatureStore")
Folders = Mapping[str, Path]


@dataclass(frozen=True)
class OutputFile:
    """One file or store that a stage leaves.

    Attributes:
        stage: Name of the stage.
        file: Name of the file or store in the folder of the stage's artifact.
    """

    stage: str
    file: str

    def path(self, folders: Folders) -> Path:
        """Where it lies. Raises InputError where the artifact is not among the folders."""
        if self.stage not in folders:
            raise InputError(f"the artifact of {self.stage} is needed here and was not given")
        return folders[self.stage] / self.file


@dataclass(frozen=True)
class OutputStore(OutputFile, Generic[Store]):
    """One store that a stage leaves.

    Attributes:
        open_store: Opens the store at a path; raises MissingArtifact or CorruptArtifact.
    """

    open_store: Callable[[Path], Store]

    def open(self, folders: Folders) -> Store:
        """Open it. Raises InputError, MissingArtifact or CorruptArtifact."""
        return self.open_store(self.path(folders))


def _masks(path: Path) -> "MaskStore":
    from maskdistill.data.stores.masks import MaskStore

    return MaskStore.open(path)


def _clusters(path: Path) -> "ClusterStore":
    from maskdistill.data.stores.clusters import ClusterStore

    return ClusterStore.open(path)


def _labels(path: Path) -> "LabelStore":
    from maskdistill.data.stores.labels import LabelStore

    return LabelStore.open(path)


def _features(path: Path) -> "FeatureStore":
    from maskdistill.data.stores.features import FeatureStore

    return FeatureStore.open(path)


VIT = OutputFile("pretrain", "vit.safetensors")
VIT_ARGUMENTS = OutputFile("pretrain", "vit.json")
"""What timm needs to build the network of these weights: its name and arguments."""
FEATURES = OutputStore("features", "features.zarr", _features)
HEAD = OutputFile("correspond", "head.safetensors")
CODES = OutputStore("correspond", "codes.zarr", _features)
"""The codes of each image's patches, of length 1, in the form of a FeatureStore; only where the method makes codes."""
PATCH_CLUSTERS = OutputStore("correspond", "predictions.zarr", _labels)
RESNET = OutputFile("imitate", "resnet.safetensors")
MINED = OutputStore("mine", "masks.zarr", _masks)
INITIAL = OutputStore("mine", "initial.zarr", _masks)
"""The masks as they were before foreground was learnt from them; only where that was done."""
CLUSTERS = OutputStore("cluster", "clusters.zarr", _clusters)
CURATED = OutputStore("curate", "masks.zarr", _masks)
CURATED_CLUSTERS = OutputStore("curate", "clusters.zarr", _clusters)
"""What was changed by hand, in the form of MINED, each mask with its cluster, and of CLUSTERS."""
CURATED_BY = OutputFile("curate", "edits.yaml")
"""The edits that were applied."""
DETECTOR = OutputFile("distill", "detector.safetensors")
CANDIDATES = OutputStore("distill", "candidates.zarr", _masks)
KEPT = OutputStore("filter", "masks.zarr", _masks)
PSEUDO_LABELS = OutputStore("filter", "labels.zarr", _labels)
SEGMENTER = OutputFile("segment", "segmenter.safetensors")
PREDICTIONS = OutputStore("segment", "predictions.zarr", _labels)
PREDICTIONS_CRF = OutputStore("segment", "predictions_crf.zarr", _labels)
"""Only where the CRF applies to predictions."""
TRAINING_LOG = "training.jsonl"
"""What every stage that trains leaves as well, a line of losses each few iterations; where it trains in several rounds,
those before the last have theirs in folders `round1`, `round2`, ..."""

OPENERS: Mapping[str, Callable[[Path], object]] = {
    output.file: output.open_store
    for output in (
        FEATURES,
        CODES,
        MINED,
        INITIAL,
        CLUSTERS,
        CANDIDATES,
        KEPT,
        PSEUDO_LABELS,
        PREDICTIONS,
        PREDICTIONS_CRF,
    )
}
"""How a store of that name is opened, whichever stage left it."""
MASKS: Mapping[str, "OutputStore[MaskStore]"] = {
    "mine": MINED,
    "cluster": MINED,
    "curate": CURATED,
    "distill": CANDIDATES,
    "filter": KEPT,
}
"""The masks of each stage that has some; those of `cluster` are the mined ones."""
LABELS: Mapping[str, "OutputStore[LabelStore]"] = {
    "filter": PSEUDO_LABELS,
    "segment": PREDICTIONS,
    "correspond": PATCH_CLUSTERS,
}
"""The label maps of each stage that has some."""


def stages_read(stage: str) -> tuple[str, ...]:
    """The stages whose artifacts hold what a stage shows: its own, and for `cluster` the masks that it is about."""
    return ("mine", "cluster") if stage == "cluster" else (stage,)


def open_masks(stage: str, folders: Folders) -> "MaskStore":
    """The masks of a stage of MASKS, those of `cluster` with their clusters; others as the stage left them.

    Raises:
        InputError: An artifact is not among the folders.
        MissingArtifact: A store is not there.
        CorruptArtifact: A store is damaged, or masks and clusters do not go together.
    """
    masks = MASKS[stage].open(folders)
    if stage != "cluster":
        return masks
    from maskdistill.data.stores.clusters import with_clusters

    return with_clusters(masks, CLUSTERS.path(folders))
