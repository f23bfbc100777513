"""The table of numbers of clusters."""

from maskdistill.pipeline.apps.tables.numbers import share
from maskdistill.pipeline.apps.tables.table import Cell, Row, Table
from maskdistill.stages.cluster.choice import Choice, Judgement

_COLUMNS = {
    "clusters": "number of clusters",
    "stability": "agreement of two halves of the masks on their clusters (adjusted Rand index)",
    "by chance": "the same of points that have no clusters",
    "gain": "the first less the second",
    "silhouette": "how much nearer masks are to their own cluster than to the next",
    "eigengap": "large where the graph of neighbours falls into so many parts",
    "smallest, largest": "fraction of the masks in those clusters",
}


def choice_table(choice: Choice) -> Table:
    """A row for each number of clusters; the one that `cluster.k: auto` takes stands out."""
    note = f"cluster.k: auto takes {choice.k}. " + "; ".join(f"{name}: {meaning}" for name, meaning in _COLUMNS.items())
    rows = [_row(one, chosen=one.k == choice.k) for one in choice.judgements]
    return Table("Numbers of clusters, judged without labels", tuple(_COLUMNS), rows, f"{note}.")


def _row(one: Judgement, *, chosen: bool) -> Row:
    texts = [
        str(one.k),
        share(one.stability),
        share(one.chance),
        f"{one.gain:+.3f} ± {one.error:.3f}",
        share(one.silhouette),
        share(one.eigengap),
        f"{one.smallest:.3f}, {one.largest:.3f}",
    ]
    return [Cell(text, strong=True) for text in texts] if chosen else texts
