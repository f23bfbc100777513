"""Draws on an image what a stage made of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.catalog import LABELS
from maskdistill.data.errors import InputError, UnreadableImage
from maskdistill.data.stores.labels import LabelStore
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.apps.drawing.cells import save_png
from maskdistill.pipeline.apps.drawing.overlay import draw_labels, draw_masks
from maskdistill.pipeline.apps.outputs import Run


def draw_stage(run: Run, stage: str, image_id: str, image: UInt8Array, *, captions: bool = False) -> UInt8Array:
    """An image with the label maps of a stage drawn on it, or where it has none with its masks.

    Args:
        run: The run.
        stage: One that leaves masks or label maps.
        image_id: Id of the image.
        image: Its pixels, uint8 (height, width, 3) RGB.
        captions: Whether cluster and score stand on each mask.

    Raises:
        InputError: The stage made nothing of the image.
        MissingArtifact: The stage is not finished.
    """
    if stage in LABELS:
        return draw_stored_labels(run.labels(stage), image_id, image)
    names = run.cluster_names if captions else None
    return draw_stored_masks(run.masks(stage), image_id, image, captions=names)


def save_stage_picture(run: Run, stage: str, image_id: str, out: Path) -> None:
    """Draw one image of a run with cluster and score on each mask, and write it as PNG. Raises as `draw_stage` does."""
    try:
        index = run.source.index(image_id)
    except KeyError:
        raise InputError(f"--image {image_id}: not an image of this run, such as {run.source.ids[0]}") from None
    try:
        picture = draw_stage(run, stage, image_id, run.source.read(index), captions=True)
    except UnreadableImage as error:
        raise InputError(f"--image {image_id}: {error}") from error
    save_png(Image.fromarray(picture), out)


def draw_stored_masks(
    masks: MaskStore, image_id: str, image: UInt8Array, *, captions: Mapping[int, str] | None = None
) -> UInt8Array:
    """An image with its masks of a store.

    Args:
        masks: The store.
        image_id: Id of the image.
        image: Its pixels, uint8 (height, width, 3) RGB.
        captions: Names of clusters: cluster and score stand on each mask; None = nothing stands there.

    Raises:
        InputError: The store does not hold the image.
    """
    position = _find(image_id, masks)
    rows = masks.rows_of(position)
    clusters, scores = masks.cluster[rows].tolist(), masks.score[rows].tolist()
    texts = [] if captions is None else [caption(*one, captions) for one in zip(clusters, scores, strict=True)]
    return draw_masks(image, masks.decode_image(position), clusters, texts)


def draw_stored_labels(labels: LabelStore, image_id: str, image: UInt8Array) -> UInt8Array:
    """An image with its label map of a store. Raises InputError where the store does not hold the image."""
    return draw_labels(image, labels.read(_find(image_id, labels)))


def draw_truth(
    image: UInt8Array, labels: UInt8Array, class_names: Sequence[str], class_of_cluster: Mapping[str, str]
) -> UInt8Array:
    """An image with its ground truth, each class in the colour of the cluster that it was matched to.

    Args:
        image: uint8 (height, width, 3) RGB.
        labels: uint8 (height, width), the class of each pixel; 0 and 255 are not drawn.
        class_names: Name of each class, background first.
        class_of_cluster: Metric of that name: name of the class by number of the cluster.
    """
    cluster_of = {name: int(cluster) for cluster, name in class_of_cluster.items()}
    return draw_labels(image, labels, lambda value: cluster_of.get(class_names[value], -1))


def _find(image_id: str, store: MaskStore | LabelStore) -> int:
    try:
        return store.index(image_id)
    except KeyError:
        examples = ", ".join(store.image_ids[:3])
        raise InputError(f"--image {image_id}: not in this store; it holds {examples}, ...") from None


def caption(cluster: int, score: float, names: Mapping[int, str]) -> str:
    """What stands on a mask: name or number of its cluster, if it has one, and its score, if that says anything."""
    parts = [names.get(cluster, f"c{cluster}")] if cluster >= 0 else []
    return " ".join([*parts, f"{score:.2f}"]) if score < 1 or parts else ""
