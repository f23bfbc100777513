"""A few masks of every cluster, those nearest to its centroid: what the clusters have found."""

import numpy as np

from maskdistill.pipeline.apps.drawing.sheet import crop_mask, largest_clusters, most_typical
from maskdistill.pipeline.apps.report.blocks import Card, Cards, Section
from maskdistill.pipeline.apps.report.numbers import count
from maskdistill.pipeline.apps.report.pictures import css_colour, embed
from maskdistill.pipeline.apps.report.record import FINAL, RunRecord

_PER_CLUSTER = 6
_SIDE = 88


def clusters_section(record: RunRecord) -> Section:
    """A card per cluster, the largest first."""
    title = "Clusters"
    if not record.has("mine", "cluster"):
        return Section("clusters", title, "", record.missing("mine", "cluster"))
    sizes = np.bincount(record.clusters.cluster, minlength=record.clusters.k)
    shown = largest_clusters(record.clusters)
    stage = FINAL if record.has(FINAL) else "cluster"
    classes = record.figures(stage).get("class_of_cluster", {})
    cards = [_card(record, cluster, int(sizes[cluster]), classes.get(str(cluster))) for cluster in shown]
    lead = "The mined masks nearest to each centroid. "
    lead += "Class names come from the evaluation and were never used to train." if classes else ""
    if len(sizes) > len(shown):
        lead += f" The {len(shown)} largest of {len(sizes)} clusters are shown."
    return Section("clusters", title, lead, [Cards("", cards, small=True)])


def _card(record: RunRecord, cluster: int, size: int, class_name: str | None) -> Card:
    tiles = []
    for row in most_typical(record.clusters, cluster, _PER_CLUSTER):
        image_id = record.mined.image_ids[record.mined.image[row]]
        picture = crop_mask(record.mined, row, record.source.read(record.source.index(image_id)))
        name = f"mask of cluster {cluster} in {image_id}"
        tiles.append(embed(picture, name, _SIDE))
    title = f"cluster {cluster}" + (f" · {class_name}" if class_name else "")
    return Card(title, tiles, f"{count(size)} masks", css_colour(cluster))
