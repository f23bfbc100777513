"""The results of a run: what is opened, how often, and what is said of what is not there."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from helpers.drawn_stages import K
from maskdistill.data.catalog import CANDIDATES
from maskdistill.data.errors import CorruptArtifact, InputError, MissingArtifact
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan


@pytest.fixture
def plan(make_plan: Callable[..., Plan]) -> Plan:
    return make_plan()


@pytest.fixture
def finished(plan: Plan, calls: list[str], quiet: Console) -> Run:
    run_stages(plan, plan.specs, quiet)
    return Run(plan)


def test_a_finished_run_opens_from_its_configuration(finished: Run, config_file: Path) -> None:
    run = Run.open(config_file, {"filter.threshold": 0.9})
    assert run.stages == finished.stages == ("mine", "cluster", "distill", "filter", "segment")
    assert run.has(*run.stages)
    assert list(run.manifests) == list(run.stages)
    made = run.manifest("distill")
    assert made is not None
    assert (made.items, run.folder("distill").name) == (18, made.key)
    assert len(run.source) == 6


def test_masks_and_label_maps_of_every_stage_that_has_some(finished: Run) -> None:
    assert [len(finished.masks(stage)) for stage in ("mine", "cluster", "distill")] == [6, 6, 18]
    assert finished.masks("mine").cluster.tolist() == [-1] * 6
    assert finished.masks("cluster").cluster.tolist() == [0, 1] * 3
    assert finished.clusters().k == K
    for stage in ("filter", "segment"):
        assert finished.labels(stage).image_ids == finished.source.ids
    assert finished.labels_before_crf() is None


def test_each_is_opened_once_and_again_when_it_was_made_anew(finished: Run, quiet: Console) -> None:
    first = finished.masks("distill")
    assert finished.masks("distill") is first
    assert finished.labels("segment") is finished.labels("segment")
    run_stages(finished.plan, [finished.plan.stages["distill"].spec], quiet, forced=["distill"])
    again = finished.masks("distill")
    assert again is not first
    np.testing.assert_array_equal(again.counts, first.counts)


def test_what_is_finished_later_is_found(plan: Plan, calls: list[str], quiet: Console) -> None:
    run = Run(plan)
    assert (run.manifests, run.manifest("mine"), run.has("mine")) == ({}, None, False)
    run_stages(plan, plan.specs[:1], quiet)
    assert run.has("mine")
    assert len(run.masks("mine")) == 6


def test_what_is_missing_is_named_with_the_command_that_makes_it(plan: Plan) -> None:
    run = Run(plan, "the test")
    for ask in (run.masks, run.folder, run.version):
        with pytest.raises(MissingArtifact, match=r"the test needs .* stage distill(.|\n)*--to distill"):
            ask("distill")
    with pytest.raises(MissingArtifact, match="--to segment"):
        run.labels_before_crf()
    assert run.scores("segment") == {}


def test_stages_without_masks_or_label_maps_are_refused(plan: Plan) -> None:
    run = Run(plan)
    with pytest.raises(InputError, match="segment leaves no masks; mine, cluster, curate, distill, filter do"):
        run.masks("segment")
    with pytest.raises(InputError, match="mine leaves no label maps; filter, segment, correspond do"):
        run.labels("mine")


def test_a_damaged_store_is_told_as_such(finished: Run) -> None:
    (finished.folder("distill") / CANDIDATES.file / "zarr.json").write_text("{}")
    with pytest.raises(CorruptArtifact, match=r"candidates\.zarr"):
        finished.masks("distill")


def test_scores_are_there_where_there_is_ground_truth(
    labelled: None, make_plan: Callable[..., Plan], calls: list[str], quiet: Console
) -> None:
    plan = make_plan()
    run_stages(plan, plan.specs[:2], quiet)
    scores = Run(plan, console=quiet).scores("cluster")
    assert {split: metrics["miou"] for split, metrics in scores.items()} == {"train": 1.0, "val": 1.0}


def test_without_ground_truth_there_are_no_scores(finished: Run) -> None:
    assert finished.scores("segment") == {}
