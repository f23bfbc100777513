"""What the detector's score is worth: how scores are spread, and how often a candidate of a score is right."""

from maskdistill.pipeline.apps.report.blocks import EMPTY, Block, Cell, Charts, Note, Row, Section, Table
from maskdistill.pipeline.apps.report.charts import reliability_chart, score_histogram
from maskdistill.pipeline.apps.report.numbers import count, share
from maskdistill.pipeline.apps.report.record import RunRecord


def confidence_section(record: RunRecord) -> Section:
    """Score histogram with the threshold; reliability where the evaluation measured it."""
    lead = (
        "The filter keeps candidates from the threshold on, and the best one of every image. That is worth as much as "
        "the score tells right candidates (IoU ≥ 0.5 with an object) from wrong ones."
    )
    if "distill" not in record.planned:
        return Section("confidence", "Confidence", lead, [Note("This configuration trains no detector.")])
    if not record.has("distill"):
        return Section("confidence", "Confidence", lead, record.missing("distill"))
    charts = [score_histogram(record.candidates.score, record.threshold)]
    bins = record.figures("distill").get("reliability") or []
    blocks: list[Block] = [Charts(charts)]
    if bins:
        charts.append(reliability_chart(bins, record.threshold))
        rows: list[Row] = [
            [
                f"{one['low']:.1f} to {one['high']:.1f}",
                count(one["candidates"]),
                share(one["score"]),
                Cell(share(one["precision"]), bar=one["precision"]),
                share(one["ap50"]) if "ap50" in one else EMPTY,
            ]
            for one in bins
        ]
        columns = ("score", "candidates", "mean score", "share right", "AP50 of the bin alone")
        blocks.append(Table("Candidates by score", columns, rows))
    else:
        blocks.append(Note("There is no ground truth of objects, so nobody can say how often a score is right."))
    return Section("confidence", "Confidence", lead, blocks)
