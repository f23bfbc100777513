"""Pictures of some images: what each stage made of them, beside the ground truth."""

import numpy as np

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.errors import UnreadableImage
from maskdistill.pipeline.apps.drawing.colours import css_colour
from maskdistill.pipeline.apps.drawing.stage import draw_stored_labels, draw_stored_masks, draw_truth
from maskdistill.pipeline.apps.report.blocks import Card, Cards, Note, Picture, Section
from maskdistill.pipeline.apps.report.pictures import embed
from maskdistill.pipeline.apps.report.reported_run import FINAL, ReportedRun

_SIDE = 280
_EACH = 4


def examples_section(run: ReportedRun) -> Section:
    """The images that the final model predicts best and worst, or some images where nobody can say."""
    if not run.has("mine"):
        return Section("images", "Images", "", run.missing("mine"))
    best, worst = (run.metrics(FINAL).get(name, []) for name in ("best_images", "worst_images"))
    if not best:
        lead = "Images spread evenly over the data; without scores of a final model none of them is best or worst."
        images = run.shown_images
        chosen = np.unique(np.linspace(images[0], images[-1], 2 * _EACH).round().astype(int)) if images else ()
        if not images:
            return Section("images", "Images", lead, [Note("There are no images.")])
        return Section("images", "Images", lead, [Cards("", [_card(run, int(index)) for index in chosen])])
    each = min(_EACH, (len(run.shown_images) + 1) // 2)
    lead = (
        "Ranked by the mean IoU of the classes that an image shows. The ranking is for looking only: the score of the "
        "run comes from one confusion matrix of all images, not from a mean over images."
    )
    blocks = []
    for title, ranked, legend in (("Best", best, _legend(run)), ("Worst", worst, [])):
        cards = [_card(run, run.source.index(one["image"]), one["miou"]) for one in ranked[:each]]
        blocks.append(Cards(title, cards, legend=legend))
    return Section("images", "Best and worst images", lead, blocks)


def _legend(run: ReportedRun) -> list[tuple[str, str]]:
    """The colour of each class: that of the cluster it was matched to, with the name that people gave that."""
    clusters = {int(cluster): name for cluster, name in _class_of_cluster(run).items()}
    matched = [(css_colour(cluster), _called(run, cluster, name)) for cluster, name in clusters.items()]
    return [*matched, (css_colour(-1), "class without a cluster")]


def _called(run: ReportedRun, cluster: int, class_name: str) -> str:
    own = run.cluster_names.get(cluster, class_name)
    return class_name if own == class_name else f"{class_name} ({own})"


def _class_of_cluster(run: ReportedRun) -> dict[str, str]:
    """The matching of the final model, less what was matched to the background."""
    found = run.metrics(FINAL).get("class_of_cluster", {})
    return {cluster: name for cluster, name in found.items() if name != run.class_names[0]}


def _card(run: ReportedRun, index: int, miou: float | None = None) -> Card:
    image_id = run.source.ids[index]
    try:
        image = run.source.read(index)
        drawn = {"image": image, **_stages(run, image_id, image), **_truth(run, index, image)}
    except UnreadableImage as error:  # it was there when the run was made
        return Card(image_id, [], str(error))
    pictures: list[Picture] = [embed(pixels, f"{name} of {image_id}", _SIDE, name) for name, pixels in drawn.items()]
    return Card(image_id, pictures, "" if miou is None else f"mIoU {miou:.3f}")


def _stages(run: ReportedRun, image_id: str, image: UInt8Array) -> dict[str, UInt8Array]:
    """What each finished stage made of an image, drawn on it."""
    masks = {"mined mask": run.mined(), "candidates": run.masks("distill") if run.has("distill") else None}
    labels = {
        "pseudo-labels": run.labels("filter") if run.has("filter") else None,
        "prediction before the CRF": run.labels_before_crf() if run.has(FINAL) else None,
        "prediction": run.labels(FINAL) if run.has(FINAL) else None,
    }
    drawn = {
        name: draw_stored_masks(store, image_id, image)
        for name, store in masks.items()
        if store is not None and image_id in store
    }
    return drawn | {
        name: draw_stored_labels(maps, image_id, image)
        for name, maps in labels.items()
        if maps is not None and image_id in maps.image_ids
    }


def _truth(run: ReportedRun, index: int, image: UInt8Array) -> dict[str, UInt8Array]:
    labels = run.truth.labels(index)
    if labels is None:
        return {}
    return {"ground truth": draw_truth(image, labels, run.class_names, _class_of_cluster(run))}
