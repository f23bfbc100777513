"""What was changed by hand, as JSON, and changing it. Images, masks and clusters are named by number, never by path."""

from collections import defaultdict
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field

from maskdistill.data.edits import TAGS, ClusterName
from maskdistill.data.errors import MissingArtifact, about
from maskdistill.data.settings import Settings
from maskdistill.data.stores.named_masks import find_masks, mask_name
from maskdistill.pipeline.apps.curate.change import (
    NewTag,
    merge_clusters,
    name_cluster,
    split_cluster,
    tag_images,
    tag_masks,
)
from maskdistill.pipeline.apps.view.state import TheRun
from maskdistill.pipeline.apps.view.viewed_run import ViewedRun, check_number
from maskdistill.stages.curate.apply import regroup

_MOST_ITEMS = 100_000
router = APIRouter(prefix="/api/edits")
"""Reading is for all who see the page; see `guard.py` for who may write."""


class NewTags(Settings):
    """A tag for some mined masks or images."""

    what: Literal["masks", "images"]
    items: tuple[int, ...] = Field(min_length=1, max_length=_MOST_ITEMS)
    tag: NewTag


class NewName(Settings):
    """A name for a cluster; an empty one takes it away."""

    cluster: int
    name: ClusterName | Literal[""]


class NewGroup(Settings):
    """Clusters to be merged."""

    clusters: tuple[int, ...] = Field(min_length=1, max_length=1000)


class NewSplit(Settings):
    """A cluster to be split."""

    cluster: int
    into: int = Field(2, ge=2, le=20)


@router.get("")
def describe_edits(run: TheRun) -> dict[str, Any]:
    """All edits, the file that they are in, and the command that takes them up."""
    journal = run.journal
    edits = journal.edits
    return {
        "may_write": journal.may_write,
        "file": str(journal.path),
        "undoable": journal.n_undoable,
        "summary": edits.describe(),
        "command": f"maskdistill run {run.plan.config_source.arguments()}",
        "applied": edits.effect == run.plan.edits.effect,
        "images": {tag: _images(run, getattr(edits.images, tag)) for tag in TAGS},
        "masks": _tagged_masks(run),
        "merged": edits.clusters.merged,
        "split": [split.model_dump() for split in edits.clusters.split],
    }


@router.post("/tag")
def tag(run: TheRun, asked: NewTags) -> dict[str, Any]:
    """Tag masks or images, or take their tag away."""
    if asked.what == "images":
        for image in asked.items:
            check_number("image", image, len(run.source))
        ids = [run.source.ids[image] for image in asked.items]
        run.journal.change(lambda edits: tag_images(edits, ids, asked.tag))
    else:
        masks, named = run.masks("mine"), defaultdict(set)
        for row in asked.items:
            check_number("mask", row, len(masks))
            named[masks.image_ids[masks.image[row]]].add(mask_name(masks, row))
        run.journal.change(lambda edits: tag_masks(edits, named, asked.tag))
    return describe_edits(run)


@router.post("/name")
def name(run: TheRun, asked: NewName) -> dict[str, Any]:
    """Name a cluster."""
    check_number("cluster", asked.cluster, run.n_clusters)
    run.journal.change(lambda edits: name_cluster(edits, asked.cluster, asked.name, _key(run)))
    return describe_edits(run)


@router.post("/merge")
def merge(run: TheRun, asked: NewGroup) -> dict[str, Any]:
    """Merge clusters."""
    for cluster in asked.clusters:
        check_number("cluster", cluster, run.n_clusters)
    run.journal.change(lambda edits: merge_clusters(edits, asked.clusters, _key(run)))
    return describe_edits(run)


@router.post("/split")
def split(run: TheRun, asked: NewSplit) -> dict[str, Any]:
    """Split a cluster."""
    check_number("cluster", asked.cluster, run.n_clusters)
    after = split_cluster(run.journal.edits, asked.cluster, asked.into, _key(run))
    regroup(run.stored_clusters(), after.clusters)  # refuses what cannot be done before it is written
    run.journal.change(lambda edits: split_cluster(edits, asked.cluster, asked.into, _key(run)))
    return describe_edits(run)


@router.post("/undo")
def undo(run: TheRun) -> dict[str, Any]:
    """Take the last change back."""
    run.journal.undo()
    return describe_edits(run)


def _key(run: ViewedRun) -> str:
    return run.plan.stages["cluster"].key


def _images(run: ViewedRun, ids: tuple[str, ...]) -> list[int]:
    """Their numbers; those that are gone have none."""
    known = {image_id: index for index, image_id in enumerate(run.source.ids)} if ids else {}
    return [known[image_id] for image_id in ids if image_id in known]


def _tagged_masks(run: ViewedRun) -> dict[str, list[int]]:
    """Rows of the mined masks by tag; none where nothing was mined."""
    try:
        masks = run.masks("mine")
    except MissingArtifact:
        return {tag: [] for tag in TAGS}
    with about(str(run.journal.path)):
        tagged = run.journal.edits.masks
        return {tag: find_masks(masks, getattr(tagged, tag), f"masks.{tag}").tolist() for tag in TAGS}
