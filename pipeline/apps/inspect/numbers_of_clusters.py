"""How many clusters there are, judged from the embeddings that the cluster stage left: nothing is run again."""

import re

from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.progress import show_progress
from maskdistill.stages.cluster.choice import Choice, choose, range_of_k
from maskdistill.stages.cluster.kmeans import whiten
from maskdistill.stages.cluster.stage import shaping_masks


def read_range(text: str) -> tuple[int, int]:
    """The first and last number of a range such as "2-30". Raises InputError."""
    found = re.fullmatch(r"(\d+)-(\d+)", text.strip())
    first, last = (int(one) for one in found.groups()) if found else (0, 0)
    if not 2 <= first <= last:
        raise InputError(f"--k {text}: give the first and the last number of clusters, such as 2-30")
    return first, last


def judge_numbers(run: Run, k_range: tuple[int, int]) -> Choice:
    """The table of a range of numbers of clusters: what `cluster.k: auto` with this range would choose from.

    Raises:
        MissingArtifact: The cluster stage is not finished.
        InputError: There are too few masks.
    """
    config, store = run.plan.config, run.clusters()
    shaping = shaping_masks(config.cluster, run.masks("mine"), run.source)
    tried = range_of_k(int(shaping.sum()), k_range)
    with show_progress("clusters", run.console) as progress:
        progress.start("number of clusters", len(tried), "numbers")
        return choose(whiten(store.embedding, store.scale)[shaping], tried, config.seed, progress.advance)


def choice_made(run: Run) -> Choice | None:
    """The table that the cluster stage chose from; None where the number was set, or the stage is not finished."""
    made = run.manifest("cluster")
    rows = made.metrics.get("choice") if made else None
    return Choice.from_metrics(rows) if rows else None
