"""What looks wrong in what a stage has made: hand-made masks, clusters and losses."""

import json
from pathlib import Path

import numpy as np
import pytest

from maskdistill.data.catalog import CANDIDATES, CLUSTERS, KEPT, MINED, TRAINING_LOG
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.masks import MaskStoreBuilder
from maskdistill.pipeline.health import count_oddities, oddities
from maskdistill.pipeline.health_config import HealthConfig
from maskdistill.stages.mine.stage import UNIFORM

LIMITS = HealthConfig()


def box(left: int, top: int, width: int, height: int) -> np.ndarray:
    mask = np.zeros((100, 100), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def save(path: Path, *masks: np.ndarray) -> None:
    """One mask per image, and an image without any."""
    builder = MaskStoreBuilder()
    for number, mask in enumerate(masks):
        builder.add(f"{number}.png", mask[None])
    builder.add("last.png", np.zeros((0, 0, 0), bool))
    builder.build().save(path)


def test_masks_of_all_and_of_nothing_are_counted(tmp_path: Path) -> None:
    save(tmp_path / MINED.file, box(0, 0, 100, 90), box(5, 5, 2, 2), box(10, 10, 20, 20))
    counts = count_oddities("mine", {"mine": tmp_path}, {"remarks": {UNIFORM: 3}}, LIMITS)
    assert counts == {
        "large": (1, 3), "small": (1, 3), "on_border": (1, 3), "without_mask": (1, 4), "uniform": (3, 4)}  # fmt: skip
    found = list(oddities(counts, LIMITS))
    assert found == [
        "1 of 3 masks cover most of their image",
        "1 of 3 masks are specks",
        "1 of 4 images have no mask",
        "3 of 4 images are of one colour throughout",
    ]
    assert list(oddities(counts, HealthConfig(large=0.5, small=0.5, without_mask=0.5, uniform=0.8))) == []


def test_empty_and_giant_clusters_are_counted(tmp_path: Path) -> None:
    cluster = np.array([0, 0, 0, 1], np.int32)
    flat = np.zeros((4, 2), np.float32)
    ClusterStore(flat, cluster, flat[:, 0], np.zeros((3, 2), np.float32), np.ones(2, np.float32)).save(
        tmp_path / CLUSTERS.file
    )
    counts = count_oddities("cluster", {"cluster": tmp_path}, {}, LIMITS)
    assert counts == {"empty_clusters": (1, 3), "giant_cluster": (3, 4)}
    assert list(oddities(counts, LIMITS)) == ["1 of 3 clusters have no mask", "one cluster holds 3 of 4 masks"]


def test_a_filter_that_keeps_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "distill").mkdir()
    (tmp_path / "filter").mkdir()
    save(tmp_path / "distill" / CANDIDATES.file, box(5, 5, 30, 30), box(5, 5, 20, 20))
    save(tmp_path / "filter" / KEPT.file)
    folders = {name: tmp_path / name for name in ("distill", "filter")}
    found = list(oddities(count_oddities("filter", folders, {}, LIMITS), LIMITS))
    assert found == ["1 of 1 images have no mask", "2 of 2 candidates lie below the threshold"]


@pytest.mark.parametrize(("end", "said"), [(2.0, ["the loss has not fallen: from 2 to 2"]), (1.0, [])])
def test_a_loss_that_does_not_fall_is_said(tmp_path: Path, end: float, said: list[str]) -> None:
    lines = [{"iteration": n, "loss": loss} for n, loss in enumerate(np.linspace(2, end, 100).tolist())]
    (tmp_path / TRAINING_LOG).write_text("".join(json.dumps(line) + "\n" for line in lines))
    counts = count_oddities("segment", {"segment": tmp_path}, {}, LIMITS)
    assert list(oddities(counts, LIMITS)) == said
