"""What clusters are called, and the values of label maps: by the names that people gave them, or by their number."""

from collections.abc import Mapping

from maskdistill.data.arrays import IGNORE

ClusterNames = Mapping[int, str]
"""Names by the number of the cluster; those that have been given none are not there."""
NO_NAMES: ClusterNames = {}


def cluster_name(cluster: int, names: ClusterNames = NO_NAMES) -> str:
    """What a cluster is called: its name, or "cluster" and its number, counted from 0."""
    return names.get(cluster, f"cluster {cluster}")


def label_name(value: int, names: ClusterNames = NO_NAMES) -> str:
    """What a value of a label map stands for, where cluster c is c + 1."""
    return {0: "background", IGNORE: "ignored"}.get(value) or cluster_name(value - 1, names)
