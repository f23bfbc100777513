"""Single changes of the edits: tags, names, splits and merges. Each gives new edits and leaves the old ones alone."""

from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from maskdistill.data.edits import TAGS, ClusterEdits, Edits, ImageTags, MaskTags, Split
from maskdistill.data.errors import InputError

NewTag = Literal["flagged", "excluded", "none"]
"""A tag, or none at all."""


def tag_images(edits: Edits, images: Iterable[str], tag: NewTag) -> Edits:
    """Give images a tag in place of the one that they have."""
    named = dict.fromkeys(images)
    left = {one: [image for image in getattr(edits.images, one) if image not in named] for one in TAGS}
    if tag != "none":
        left[tag] += named
    return edits.model_copy(update={"images": ImageTags(**{one: tuple(sorted(left[one])) for one in TAGS})})


def tag_masks(edits: Edits, masks: Mapping[str, Collection[str]], tag: NewTag) -> Edits:
    """The same for masks, by image and name."""
    left = {one: {image: set(names) for image, names in getattr(edits.masks, one).items()} for one in TAGS}
    for image, names in masks.items():
        for one in TAGS:
            left[one].setdefault(image, set()).difference_update(names)
        if tag != "none":
            left[tag][image].update(names)
    found = {one: {image: _in_order(names) for image, names in sorted(left[one].items()) if names} for one in TAGS}
    return edits.model_copy(update={"masks": MaskTags(**found)})


def name_cluster(edits: Edits, cluster: int, name: str, of: str) -> Edits:
    """Name a cluster; an empty name takes it away."""
    names = {number: text for number, text in edits.clusters.names.items() if number != cluster}
    if name.strip():
        names[cluster] = " ".join(name.split())
    return _with_clusters(edits, of, names=dict(sorted(names.items())))


def merge_clusters(edits: Edits, clusters: Collection[int], of: str) -> Edits:
    """Make one of several clusters, and of all that were merged with them; it has the first name that one of them had.

    Raises:
        InputError: There is but one.
    """
    group, others = set(clusters), []
    for other in edits.clusters.merged:
        if group & set(other):
            group |= set(other)
        else:
            others.append(other)
    if len(group) < 2:
        raise InputError("two clusters or more can be merged, not one")
    names = dict(edits.clusters.names)
    taken = [names.pop(number) for number in sorted(group) if number in names]
    if taken:
        names[min(group)] = taken[0]
    merged = tuple(sorted((*others, tuple(sorted(group)))))
    return _with_clusters(edits, of, merged=merged, names=dict(sorted(names.items())))


def split_cluster(edits: Edits, cluster: int, into: int, of: str) -> Edits:
    """Take a cluster apart.

    Raises:
        InputError: It was merged from several.
    """
    group = next((group for group in edits.clusters.merged if cluster in group), None)
    if group is not None:
        numbers = ", ".join(map(str, group))
        raise InputError(f"cluster {cluster} was merged from {numbers}: undo that, or take the line out of the file")
    return _with_clusters(edits, of, split=(*edits.clusters.split, Split(cluster=cluster, into=into)))


def _with_clusters(edits: Edits, of: str, **changes: object) -> Edits:
    """The same with other edits of clusters, checked."""
    clusters = ClusterEdits.model_validate({**dict(edits.clusters), "of": of, **changes})
    return edits.model_copy(update={"clusters": clusters})


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: [int(number) for number in name.split()]))
