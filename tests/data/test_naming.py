"""What clusters and the values of label maps are called."""

import pytest

from maskdistill.data.naming import cluster_name, label_name

NAMES = {0: "cat", 254: "not a label"}


@pytest.mark.parametrize(("cluster", "expected"), [(0, "cat"), (1, "cluster 1")])
def test_a_cluster_has_the_name_it_was_given_or_its_number(cluster: int, expected: str) -> None:
    assert cluster_name(cluster, NAMES) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "background"), (1, "cat"), (2, "cluster 1"), (254, "cluster 253"), (255, "ignored")]
)
def test_labels_count_clusters_from_1_and_neither_background_nor_ignored_px_are_one(value: int, expected: str) -> None:
    assert label_name(value, NAMES) == expected
