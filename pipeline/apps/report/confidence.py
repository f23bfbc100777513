"""What the detector's score is worth: how scores are spread, and how often a candidate of a score is right."""

from maskdistill.pipeline.apps.report.blocks import Block, Charts, Note, Section
from maskdistill.pipeline.apps.report.charts import reliability_chart, score_histogram
from maskdistill.pipeline.apps.report.reported_run import ReportedRun
from maskdistill.pipeline.apps.tables.numbers import count, share
from maskdistill.pipeline.apps.tables.table import EMPTY, Cell, Row, Table


def confidence_section(run: ReportedRun) -> Section:
    """Score histogram with the threshold; reliability where the evaluation measured it."""
    lead = (
        "The filter keeps candidates from the threshold on, and the best one of every image. That is worth as much as "
        "the score tells right candidates (IoU ≥ 0.5 with an object) from wrong ones."
    )
    if "distill" not in run.stages:
        return Section("confidence", "Confidence", lead, [Note("This configuration trains no detector.")])
    if not run.has("distill"):
        return Section("confidence", "Confidence", lead, run.missing("distill"))
    charts = [score_histogram(run.masks("distill").score, run.threshold)]
    bins = run.metrics("distill").get("reliability") or []
    blocks: list[Block] = [Charts(charts)]
    if bins:
        charts.append(reliability_chart(bins, run.threshold))
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
