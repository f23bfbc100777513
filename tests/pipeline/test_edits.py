"""Edits in the keys of a run: what they change runs again, and nothing else does."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from maskdistill.data.edits import ClusterEdits, Edits, ImageTags, write_edits
from maskdistill.data.errors import InputError
from maskdistill.pipeline.dag import STAGE_NAMES
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.runs import find_run, list_runs, record_run

MakePlan = Callable[..., Plan]
EXCLUDED = Edits(images=ImageTags(excluded=("photo1.png",)))


def keys(plan: Plan) -> dict[str, str]:
    return {name: planned.key for name, planned in plan.stages.items() if name != "curate"}


def test_the_edits_of_the_clusters_are_found(make_plan: MakePlan) -> None:
    before = make_plan()
    write_edits(before.edits_file, EXCLUDED)
    after = make_plan()
    assert after.edits == EXCLUDED
    assert after.edits_file == before.edits_file
    assert [spec.name for spec in after.specs] == ["mine", "cluster", "curate", "distill", "filter", "segment"]
    assert [name for name in STAGE_NAMES if keys(before)[name] != keys(after)[name]] == [
        "distill",
        "filter",
        "segment",
    ]
    assert after.stages["distill"].inputs == ("curate",)
    assert after.stages["segment"].inputs == ("curate", "filter")
    assert keys(make_plan("curate.edits=none")) == keys(before)
    assert not make_plan("cluster.k=7").edits.effect


def test_names_and_flags_change_no_key(make_plan: MakePlan) -> None:
    before = make_plan()
    edits = Edits(images=ImageTags(flagged=("photo0.png",)), clusters=ClusterEdits(names={0: "dog"}))
    write_edits(before.edits_file, edits)
    after = make_plan()
    assert keys(after) == keys(before)
    assert [spec.name for spec in after.specs] == list(STAGE_NAMES)
    assert after.edits.clusters.names == {0: "dog"}


def test_only_what_depends_on_edits_runs_again(make_plan: MakePlan, calls: list[str], quiet: Console) -> None:
    run_stages(make_plan(), make_plan().specs, quiet)
    write_edits(make_plan().edits_file, EXCLUDED)
    calls.clear()
    assert make_plan().why_missing("distill") == "curate.edits: none -> some"
    run_stages(make_plan(), make_plan().specs, quiet)
    assert calls == ["curate", "distill", "filter", "segment"]
    write_edits(make_plan().edits_file, Edits(images=ImageTags(excluded=("photo2.png",))))
    assert make_plan().why_missing("curate") == "curate.edits changed"
    write_edits(make_plan().edits_file, Edits())
    calls.clear()
    run_stages(make_plan(), make_plan().specs, quiet)
    assert calls == []


def test_later_stages_read_the_curated_masks_as_the_mined_ones(make_plan: MakePlan, quiet: Console) -> None:
    write_edits(make_plan().edits_file, EXCLUDED)
    plan = make_plan()
    run_stages(plan, plan.specs, quiet)
    folders = plan.folders(plan.stages["segment"].inputs, "a test")
    assert folders == {
        "curate": plan.path("curate"),
        "mine": plan.path("curate"),
        "cluster": plan.path("curate"),
        "filter": plan.path("filter"),
    }


def test_a_run_keeps_its_name(make_plan: MakePlan) -> None:
    first = record_run(make_plan())
    write_edits(make_plan().edits_file, EXCLUDED)
    assert record_run(make_plan()).name == first.name
    assert len(list_runs(make_plan().store.root)) == 1
    again = find_run(make_plan().store.root, make_plan().stages["segment"].key[:8])
    assert again == find_run(make_plan().store.root, make_plan("curate.edits=none").stages["segment"].key)
    assert "edits: auto" in first.file.read_text()


def test_number_of_clusters_after_a_split(make_plan: MakePlan) -> None:
    plan = make_plan("cluster.k=4")
    plan.edits_file.parent.mkdir(parents=True)
    plan.edits_file.write_text("clusters: {split: [{cluster: 0, into: 3}], merged: [[1, 2]]}\n")
    assert make_plan("cluster.k=4").n_clusters == 6


def test_a_file_of_other_clusters_is_refused(make_plan: MakePlan, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    write_edits(path, Edits(images=ImageTags(excluded=("a",)), clusters=ClusterEdits(of="abc", merged=((0, 1),))))
    with pytest.raises(InputError, match=r"curate\.edits: .*is about cluster/abc, and these settings give cluster/"):
        make_plan(f"curate.edits={path}")
    write_edits(path, EXCLUDED)
    assert make_plan(f"curate.edits={path}").edits == EXCLUDED
    assert make_plan(f"curate.edits={path}").edits_file == path
    with pytest.raises(InputError, match=r"curate\.edits: nowhere\.yaml: no such file"):
        make_plan("curate.edits=nowhere.yaml")
    path.write_text("masks: 3\n")
    with pytest.raises(InputError, match=r"mine\.yaml: not a usable file of edits"):
        make_plan(f"curate.edits={path}")
