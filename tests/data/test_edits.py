"""Files of edits: what is written is read again, what counts, and what is wrong is told."""

from pathlib import Path

import numpy as np
import pytest

from maskdistill.data.edits import NO_EDITS, ClusterEdits, Edits, ImageTags, MaskTags, Split, read_edits, write_edits
from maskdistill.data.errors import InputError
from maskdistill.data.stores.masks import MaskStore, MaskStoreBuilder
from maskdistill.data.stores.named_masks import find_masks, mask_name

ALL = Edits(
    images=ImageTags(excluded=("2007_000032", "a: b.jpg"), flagged=("on",)),
    masks=MaskTags(excluded={"c.jpg": ("2 1 3 4 12", "0 0 1 1 1")}, flagged={"d.jpg": ("0 0 2 2 4",)}),
    clusters=ClusterEdits(of="abc", split=(Split(cluster=3, into=2),), merged=((2, 5),), names={2: "dog", 3: "7"}),
)


@pytest.fixture
def masks() -> MaskStore:
    """Two masks of one box on the first image, none on the second."""
    builder = MaskStoreBuilder()
    full, ring = np.ones((4, 5), dtype=bool), np.ones((4, 5), dtype=bool)
    ring[1:3, 1:4] = False
    builder.add("a.png", np.stack([full, ring]))
    builder.add("b.png", np.zeros((0, 4, 5), dtype=bool))
    return builder.build()


@pytest.mark.parametrize("edits", [ALL, NO_EDITS])
def test_what_is_written_is_read_again(edits: Edits, tmp_path: Path) -> None:
    write_edits(tmp_path / "edits.yaml", edits)
    assert read_edits(tmp_path / "edits.yaml") == edits


def test_a_change_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "edits.yaml"
    write_edits(path, ALL)
    before = path.read_text().splitlines()
    more = {**ALL.masks.excluded, "c.jpg": ("2 1 3 4 12", "0 0 1 1 1", "5 5 1 1 1")}
    write_edits(path, ALL.model_copy(update={"masks": MaskTags(excluded=more, flagged=ALL.masks.flagged)}))
    assert [line for line in path.read_text().splitlines() if line not in before] == ["    - 5 5 1 1 1"]


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "edits.yaml").write_text("# nothing yet\n")
    assert read_edits(tmp_path / "edits.yaml") == NO_EDITS


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("masks: {excluded: {a.png: [1 2 3]}}", "masks.excluded.a.png.0"),
        ("image: {}", "image: Extra inputs are not permitted"),
        ("clusters: {names: {first: dog}}", "clusters.names.first"),
        ("clusters: {split: [{cluster: 1, into: 1}]}", "clusters.split.0.into"),
        ("- a\n- b", "not a usable file of edits"),
        ("a: [", "edits.yaml, line 1"),
        ("clusters: {names: {1: 'a\\nb'}}\nclusters: {}", "occurs twice"),
    ],
)
def test_what_is_wrong_is_told(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "edits.yaml").write_text(text)
    with pytest.raises(InputError, match=why):
        read_edits(tmp_path / "edits.yaml")


def test_names_and_flags_have_no_effect() -> None:
    only = Edits(
        images=ImageTags(flagged=("a",)),
        masks=MaskTags(flagged=ALL.masks.flagged, excluded={"a": ()}),
        clusters=ClusterEdits(names={1: "dog"}),
    )
    assert only.effect == {}
    assert ALL.effect.keys() == {"images", "masks", "split", "merged"}


def test_the_order_of_a_file_has_no_effect_but_for_splits() -> None:
    turned = ALL.model_copy(
        update={
            "images": ImageTags(excluded=ALL.images.excluded[::-1]),
            "masks": MaskTags(excluded={"c.jpg": ALL.masks.excluded["c.jpg"][::-1]}),
            "clusters": ALL.clusters.model_copy(update={"merged": ((5, 2),), "names": {}}),
        }
    )
    assert turned.digest() == ALL.digest()
    split = (Split(cluster=1, into=2), Split(cluster=3, into=2))
    digests = {Edits(clusters=ClusterEdits(split=order)).digest() for order in (split, split[::-1])}
    assert len(digests) == 2


def test_masks_are_found_by_their_names(masks: MaskStore) -> None:
    assert [mask_name(masks, row) for row in range(2)] == ["0 0 5 4 20", "0 0 5 4 14"]
    assert find_masks(masks, {"a.png": ["0 0 5 4 14"], "b.png": []}, "here").tolist() == [1]
    with pytest.raises(InputError, match=r"here: a\.png has no mask '0 0 5 4 13'.*it has: 0 0 5 4 20; 0 0 5 4 14"):
        find_masks(masks, {"a.png": ["0 0 5 4 13"]}, "here")
    with pytest.raises(InputError, match=r"here: c\.png: no such image"):
        find_masks(masks, {"c.png": []}, "here")
