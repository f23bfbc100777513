"""What `maskdistill inspect` shows of each stage's output: figures for a table, and a picture of one image."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from data.atomic import atomic_path
from data.clusters import ClusterStore
from data.errors import InputError
from data.images import ImageSource, UInt8Array
from data.labels import LabelStore
from data.masks import MaskStore
from pipeline.dag import STAGES
from pipeline.inspect.overlay import draw_labels, draw_masks
from pipeline.plan import Plan

VIEWS = {spec.shows: spec.name for spec in STAGES}
_MASK_FILES = {"masks": "masks.zarr", "candidates": "candidates.zarr"}
_LABEL_FILES = {"pseudo-labels": "labels.zarr", "predictions": "predictions.zarr"}


@dataclass(frozen=True)
class View:
    """The output of one stage: its name (a key of VIEWS) and the folders of the artifacts it is drawn from."""

    name: str
    folders: dict[str, Path]

    @classmethod
    def of(cls, plan: Plan, name: str) -> "View":
        """The view of a plan's artifact. Raises InputError for an unknown name, MissingArtifact where nothing is."""
        if name not in VIEWS:
            raise InputError(f"inspect {name}: one of {', '.join(VIEWS)}")
        stages = ["mine", "cluster"] if name == "clusters" else [VIEWS[name]]
        return cls(name, {stage: plan.require(stage, f"inspect {name}") for stage in stages})

    def summary(self) -> dict[str, Any]:
        """Figures of the output: counts and quantiles."""
        if self.name in _LABEL_FILES:
            return _summarise_labels(self._labels)
        figures = _summarise_masks(self._masks)
        if self.name == "clusters":
            figures["distance"] = _quantiles(self._clusters.distance)
        return figures

    def draw(self, image_id: str, image: UInt8Array, *, captions: bool = True) -> UInt8Array:
        """The image with this output drawn on, masks with cluster and score where `captions` are wanted.

        Raises:
            InputError: The output does not hold the image.
        """
        if self.name in _LABEL_FILES:
            labels = self._labels
            return draw_labels(image, labels.read(_find(image_id, labels.image_ids)))
        masks = self._masks
        position = _find(image_id, masks.image_ids)
        rows = masks.rows_of(position)
        texts = [_caption(int(masks.cluster[row]), float(masks.score[row])) for row in rows] if captions else []
        return draw_masks(image, masks.decode_image(position), masks.cluster[rows].tolist(), texts)

    def save_picture(self, image_id: str, source: ImageSource, out: Path) -> None:
        """Draw one image of the source and write it as PNG."""
        picture = self.draw(image_id, source.read(source.index(image_id)))
        out.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(out) as temporary:
            Image.fromarray(picture).save(temporary, format="PNG")

    @cached_property
    def _masks(self) -> MaskStore:
        if self.name == "clusters":
            masks = MaskStore.open(self.folders["mine"] / "masks.zarr")
            return masks.with_columns(cluster=self._clusters.cluster)
        return MaskStore.open(self.folders[VIEWS[self.name]] / _MASK_FILES[self.name])

    @cached_property
    def _clusters(self) -> ClusterStore:
        return ClusterStore.open(self.folders["cluster"] / "clusters.zarr")

    @cached_property
    def _labels(self) -> LabelStore:
        return LabelStore.open(self.folders[VIEWS[self.name]] / _LABEL_FILES[self.name])


def _summarise_masks(masks: MaskStore) -> dict[str, Any]:
    per_image = np.bincount(masks.image, minlength=len(masks.image_ids))
    share = masks.area / masks.size_hw.prod(axis=1)
    clusters, sizes = np.unique(masks.cluster[masks.cluster >= 0], return_counts=True)
    return {
        "images": len(masks.image_ids),
        "masks": len(masks),
        "images_without_mask": int((per_image == 0).sum()),
        "masks_per_image": _quantiles(per_image),
        "area_share": _quantiles(share),
        "score": _quantiles(masks.score),
        "cluster_sizes": dict(zip(clusters.tolist(), sizes.tolist(), strict=True)),
    }


def _summarise_labels(labels: LabelStore) -> dict[str, Any]:
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


def _quantiles(values: ArrayLike) -> dict[str, float]:
    array = np.asarray(values, dtype=float)
    if not array.size:
        return {}
    names = ("min", "p25", "median", "p75", "max")
    return dict(zip(names, np.quantile(array, (0, 0.25, 0.5, 0.75, 1)).tolist(), strict=True))


def _find(image_id: str, image_ids: tuple[str, ...]) -> int:
    try:
        return image_ids.index(image_id)
    except ValueError:
        examples = ", ".join(image_ids[:3])
        raise InputError(f"--image {image_id}: not in this store; it holds {examples}, ...") from None


def _caption(cluster: int, score: float) -> str:
    parts = [f"c{cluster}"] if cluster >= 0 else []
    return " ".join([*parts, f"{score:.2f}"]) if score < 1 or parts else ""
