"""The funnel: how many masks there are after each stage, and what they are like."""

import numpy as np

from maskdistill.data.stores.labels import LabelStore
from maskdistill.data.stores.masks import MaskStore
from maskdistill.pipeline.apps.report.blocks import Note, Section
from maskdistill.pipeline.apps.report.reported_run import FINAL, ReportedRun
from maskdistill.pipeline.apps.tables.numbers import count, share
from maskdistill.pipeline.apps.tables.table import EMPTY, Cell, Row, Table

_MASKS = {"mine": "mined masks", "distill": "candidates of the detector", "filter": "pseudo-labels"}
_MOST_REASONS = 500


def funnel_section(run: ReportedRun) -> Section:
    """The funnel, and the images that were skipped."""
    blocks: list[Table | Note] = [funnel_table(run)] if run.has("mine") else []
    blocks += run.missing(*_MASKS, FINAL)
    reasons = [(image_id, reason) for made in run.manifests.values() for image_id, reason in made.failures.items()]
    if reasons:
        note = f"The first {_MOST_REASONS} of them." if len(reasons) > _MOST_REASONS else ""
        caption = f"{len(reasons)} images were skipped"
        blocks.append(Table(caption, ("image", "reason"), reasons[:_MOST_REASONS], note, folded=True))
    lead = "From one mask per image to a label for every pixel. Areas are shares of the image."
    return Section("funnel", "The funnel of masks", lead, blocks)


def funnel_table(run: ReportedRun) -> Table:
    """One row per finished stage that makes masks or label maps."""
    stores = {name: run.masks(stage) for stage, name in _MASKS.items() if run.has(stage)}
    most = max((len(masks) for masks in stores.values()), default=1)
    rows = [_mask_row(name, masks, most) for name, masks in stores.items()]
    if run.has(FINAL):
        rows.append(_label_row("predictions of the final model", run.labels(FINAL)))
    columns = ("after", "images", "masks", "masks per image", "mean area", "mean score", "images without a mask")
    return Table("Masks stage by stage", columns, rows)


def _mask_row(name: str, masks: MaskStore, most: int) -> Row:
    images = len(masks.image_ids)
    empty = images - len(np.unique(masks.image))
    if not len(masks):
        return [name, count(images), "0", "0.0", EMPTY, EMPTY, count(empty)]
    area = float(masks.area_share.mean())
    scored = bool((masks.score != 1).any())
    return [
        name,
        count(images),
        Cell(count(len(masks)), bar=len(masks) / max(1, most)),
        f"{len(masks) / max(1, images):.2f}",
        share(area),
        share(float(masks.score.mean())) if scored else EMPTY,
        count(empty),
    ]


def _label_row(name: str, labels: LabelStore) -> Row:
    covered = [float((labels.read(index) > 0).mean()) for index in range(len(labels))]
    area = share(float(np.mean(covered))) if covered else EMPTY
    return [name, count(len(labels)), EMPTY, EMPTY, area, EMPTY, count(covered.count(0.0))]
