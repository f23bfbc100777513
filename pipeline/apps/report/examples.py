"""Pictures of some images: what each stage made of them, beside the ground truth."""

import numpy as np

from maskdistill.data.arrays import UInt8Array
from maskdistill.pipeline.apps.drawing.overlay import draw_labels, draw_masks
from maskdistill.pipeline.apps.report.blocks import Card, Cards, Picture, Section
from maskdistill.pipeline.apps.report.pictures import css_colour, embed
from maskdistill.pipeline.apps.report.record import FINAL, RunRecord

_SIDE = 280
_EACH = 4


def examples_section(record: RunRecord) -> Section:
    """The images that the final model predicts best and worst, or some images where nobody can say."""
    if not record.has("mine"):
        return Section("images", "Images", "", record.missing("mine"))
    best, worst = (record.figures(FINAL).get(name, []) for name in ("best_images", "worst_images"))
    if not best:
        lead = "Images spread evenly over the data; without scores of a final model none of them is best or worst."
        images = record.shown_images
        chosen = np.unique(np.linspace(images[0], images[-1], 2 * _EACH).round().astype(int)) if images else ()
        return Section("images", "Images", lead, [Cards("", [_card(record, int(index)) for index in chosen])])
    each = min(_EACH, (len(record.shown_images) + 1) // 2)
    lead = (
        "Ranked by the mean IoU of the classes that an image shows. The ranking is for looking only: the score of the "
        "run comes from one confusion matrix of all images, not from a mean over images."
    )
    blocks = []
    for title, ranked, legend in (("Best", best, _legend(record)), ("Worst", worst, [])):
        cards = [_card(record, record.source.index(one["image"]), one["miou"]) for one in ranked[:each]]
        blocks.append(Cards(title, cards, legend=legend))
    return Section("images", "Best and worst images", lead, blocks)


def _legend(record: RunRecord) -> list[tuple[str, str]]:
    """The colour of each class: that of the cluster it was matched to."""
    matched = [(css_colour(cluster), name) for name, cluster in _clusters_of_classes(record).items()]
    return [*matched, (css_colour(-1), "class without a cluster")]


def _clusters_of_classes(record: RunRecord) -> dict[str, int]:
    found = record.figures(FINAL).get("class_of_cluster", {})
    return {name: int(cluster) for cluster, name in found.items() if name != record.class_names[0]}


def _card(record: RunRecord, index: int, miou: float | None = None) -> Card:
    image_id, image = record.source.ids[index], record.source.read(index)
    drawn = {"image": image, **_stages(record, image_id, image), **_truth(record, index, image)}
    pictures: list[Picture] = [embed(pixels, f"{name} of {image_id}", _SIDE, name) for name, pixels in drawn.items()]
    return Card(image_id, pictures, "" if miou is None else f"mIoU {miou:.3f}")


def _stages(record: RunRecord, image_id: str, image: UInt8Array) -> dict[str, UInt8Array]:
    """What each finished stage made of an image, drawn on it."""
    drawn = {}
    masks = {
        "mined mask": record.mined,
        "candidates": record.candidates if record.has("distill") else None,
    }
    for name, store in masks.items():
        if store is not None and image_id in store:
            position = store.index(image_id)
            clusters = store.cluster[store.rows_of(position)].tolist()
            drawn[name] = draw_masks(image, store.decode_image(position), clusters)
    labels = {
        "pseudo-labels": record.pseudo_labels if record.has("filter") else None,
        "prediction": record.predictions if record.has(FINAL) else None,
        "after the CRF": record.predictions_crf if record.has(FINAL) else None,
    }
    for name, maps in labels.items():
        if maps is not None and image_id in maps.image_ids:
            drawn[name] = draw_labels(image, maps.read(maps.index(image_id)))
    return drawn


def _truth(record: RunRecord, index: int, image: UInt8Array) -> dict[str, UInt8Array]:
    """The ground truth in the colours of the clusters that its classes were matched to."""
    labels = record.truth.labels(index)
    if labels is None:
        return {}
    clusters = _clusters_of_classes(record)
    return {"ground truth": draw_labels(image, labels, lambda value: clusters.get(record.class_names[value], -1))}
