"""Baselines: variants of a plan that are made and scored as ordinary runs, once."""

from pathlib import Path

import pytest
from rich.console import Console

from helpers.blob_run import blob_config
from helpers.sources import BlobSource
from maskdistill.pipeline.baselines import baselines_of, evaluate_baselines
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.upkeep.gc import find_garbage

WANTED = ("evaluate.baselines=true", "evaluate.baseline_images=3", "cluster.k=2", "cluster.max_side=64")


@pytest.fixture
def labelled(tmp_path: Path) -> ConfigSource:
    """Eight blob images with ground truth, five of them for training."""
    blobs = BlobSource(n_images=8, n_train=5)
    return ConfigSource((blob_config(tmp_path / "scored", blobs, class_names=blobs.class_names),), WANTED)


def test_every_baseline_is_scored_on_the_first_images(labelled: ConfigSource, quiet: Console) -> None:
    results = evaluate_baselines(Plan(labelled), quiet)
    assert list(results) == ["Otsu on colour", "Otsu on edges", "random ViT"]
    colour, vit = results["Otsu on colour"], results["random ViT"]
    # The objects are bright rectangles on dark ground.
    assert colour["scores"]["train"]["foreground_iou"] > 0.8
    assert "purity" not in colour["scores"]["val"]
    assert 0 <= vit["scores"]["val"]["purity"] <= 1
    assert [result["items"] for result in results.values()] == [6, 6, 6]


def test_a_second_look_makes_nothing_and_their_artifacts_are_no_garbage(labelled: ConfigSource, quiet: Console) -> None:
    plan = Plan(labelled)
    first = evaluate_baselines(plan, quiet)
    made = [baseline.plan.manifest("mine") for baseline in baselines_of(plan)]
    assert all(made)
    assert evaluate_baselines(Plan(labelled), quiet) == first
    assert [baseline.plan.manifest("mine") for baseline in baselines_of(plan)] == made
    assert find_garbage(plan) == []


def test_only_where_they_are_wanted_and_there_is_ground_truth(labelled: ConfigSource, config_file: Path) -> None:
    assert baselines_of(Plan(labelled).varied("evaluate.baselines=false")) == []
    assert baselines_of(Plan(ConfigSource((config_file,), WANTED))) == []


def test_they_depend_on_seed_and_images_and_not_on_later_stages(labelled: ConfigSource) -> None:
    def keys(*overrides: str) -> list[str]:
        variants = baselines_of(Plan(labelled).varied(*overrides))
        return [variant.plan.stages[variant.stages[-1]].key for variant in variants]

    assert keys("filter.threshold=0.1") == keys()
    assert keys("evaluate.baseline_images=2") != keys()
    same = [one == other for one, other in zip(keys("seed=1"), keys(), strict=True)]
    assert same == [True, True, False]  # Otsu draws nothing at random


def test_no_variant_reads_what_was_trained(labelled: ConfigSource) -> None:
    plan = Plan(labelled).varied("mine.weights=pretrain", "cluster.weights=random")
    untrained = baselines_of(plan)[-1].plan
    assert untrained.config.pretrain.method == "untrained"
    assert (str(untrained.config.mine.weights), str(untrained.config.cluster.weights)) == ("pretrain", "pretrain")
