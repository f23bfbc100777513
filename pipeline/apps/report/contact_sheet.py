"""A few masks of every cluster, those nearest to its centroid: what the clusters have found."""

from maskdistill.data.errors import UnreadableImage
from maskdistill.pipeline.apps.drawing.colours import css_colour
from maskdistill.pipeline.apps.drawing.cut import cut_out
from maskdistill.pipeline.apps.inspect.typical import by_distance, largest_clusters
from maskdistill.pipeline.apps.report.blocks import Card, Cards, Section
from maskdistill.pipeline.apps.report.pictures import embed
from maskdistill.pipeline.apps.report.reported_run import FINAL, ReportedRun
from maskdistill.pipeline.apps.tables.numbers import count

_PER_CLUSTER = 6
_SIDE = 88


def clusters_section(run: ReportedRun) -> Section:
    """A card per cluster, the largest first."""
    title = "Clusters"
    if not run.has("mine", "cluster"):
        return Section("clusters", title, "", run.missing("mine", "cluster"))
    ranked, shown = by_distance(run.clusters()), largest_clusters(run.clusters())
    stage = FINAL if run.has(FINAL) else "cluster"
    classes = run.metrics(stage).get("class_of_cluster", {})
    cards = [_card(run, cluster, ranked[cluster].tolist(), classes.get(str(cluster))) for cluster in shown]
    lead = "The mined masks nearest to each centroid. "
    lead += "Class names come from the evaluation and were never used to train." if classes else ""
    if len(ranked) > len(shown):
        lead += f" The {len(shown)} largest of {len(ranked)} clusters are shown."
    return Section("clusters", title, lead, [Cards("", cards, small=True)])


def _card(run: ReportedRun, cluster: int, ranked: list[int], class_name: str | None) -> Card:
    tiles = []
    masks = run.mined()
    for row in ranked[:_PER_CLUSTER]:
        image_id = masks.image_ids[masks.image[row]]
        try:
            image = run.source.read(run.source.index(image_id))
            picture = cut_out(image, masks.decode(row), masks.bbox_xywh[row].tolist(), cluster)
        except UnreadableImage:  # gone since the run was made
            continue
        name = f"mask of {run.name_of(cluster)} in {image_id}"
        tiles.append(embed(picture, name, _SIDE))
    title = run.name_of(cluster) + (f" · {class_name}" if class_name else "")
    return Card(title, tiles, f"{count(len(ranked))} masks", css_colour(cluster))
