"""How many clusters there are: the table and charts to choose a number by, without labels."""

from maskdistill.pipeline.apps.inspect.numbers_of_clusters import choice_made, judge_numbers
from maskdistill.pipeline.apps.report.blocks import Chart, Charts, Note, Section
from maskdistill.pipeline.apps.report.charts import curves_chart
from maskdistill.pipeline.apps.report.reported_run import ReportedRun
from maskdistill.pipeline.apps.tables.numbers_of_clusters import choice_table
from maskdistill.stages.cluster.choice import Choice


def numbers_section(run: ReportedRun, k_range: tuple[int, int] | None = None) -> Section:
    """The numbers of a range; without one, those that `cluster.k: auto` chose from."""
    anchor, title = "numbers", "Number of clusters"
    if not run.has("mine", "cluster"):
        return Section(anchor, title, "", run.missing("mine", "cluster"))
    choice = judge_numbers(run, k_range) if k_range else choice_made(run)
    if choice is None:
        command = f"maskdistill report {run.plan.config_source.arguments()} --k 2-30"
        text = f"cluster.k is {run.plan.n_clusters}, as it was set. To see how other numbers fit these masks:"
        return Section(anchor, title, "", [Note(text, command)])
    lead = (
        "A good number is one where the gain is high: two halves of the masks agree on their clusters, more than they "
        "would on points that have none. Too many clusters cost less than too few."
    )
    return Section(anchor, title, lead, [Charts(_charts(choice)), choice_table(choice)])


def _charts(choice: Choice) -> list[Chart]:
    def chart(title: str, *columns: str) -> Chart:
        rows = choice.as_metrics()
        values = {column: [row[column] for row in rows] for column in columns}
        return curves_chart(title, "clusters", [row["k"] for row in rows], values, choice.k)

    return [
        chart("Agreement of two halves", "stability", "chance", "gain"),
        chart("Silhouette", "silhouette"),
        chart("Eigengap", "eigengap"),
        chart("Smallest and largest cluster, fraction of the masks", "smallest", "largest"),
    ]
