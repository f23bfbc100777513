"""Masks of another program in place of mined ones."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.coco_files import Content, code_of
from helpers.interruption import StopAfter
from helpers.mining import mine, mining_inputs
from helpers.sources import BlobSource
from maskdistill.data.catalog import CLUSTERS, MINED
from maskdistill.data.errors import InputError
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.cluster.config import ClusterConfig
from maskdistill.stages.cluster.stage import run as run_cluster
from maskdistill.stages.contract import StageInputs, StageOutputs
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.progress import Progress, Silent
from maskdistill.stages.weights import UNTRAINED


def content_for(source: BlobSource, **first_image: object) -> Content:
    """Two boxes on every image but the last, under other names than the source's."""
    images: list[Content] = []
    annotations: list[Content] = []
    for i in range(len(source) - 1):
        height, width = source.size_hw(i)
        images.append({"id": 10 + i, "file_name": f"elsewhere/blob{i}.jpg", "height": height, "width": width})
        for k in range(2):
            mask = np.zeros((height, width), dtype=bool)
            mask[5 + i : 17 + i, 4 + 9 * k : 12 + 9 * k] = True
            score = 0.5 + k / 4
            annotations.append({"image_id": 10 + i, "category_id": 3, "segmentation": code_of(mask), "score": score})
    images[0].update(first_image)
    images.append({"id": 99, "file_name": "unknown.jpg", "height": 5, "width": 5})
    return {"images": images, "annotations": annotations, "categories": [{"id": 3, "name": "dog"}]}


def import_masks(
    inputs: StageInputs, content: Content, folder: Path, progress: Progress | None = None
) -> tuple[StageOutputs, MaskStore]:
    """Write the file, and mine from it into `folder/mine`."""
    path = folder / "coco.json"
    path.write_text(json.dumps(content))
    config = MineConfig.model_validate({"method": "import", "import": {"file": path}})
    return mine(config, inputs, folder / "mine", progress)


def test_masks_and_scores_come_in_and_classes_do_not(tiny_source: BlobSource, tmp_path: Path) -> None:
    outputs, store = import_masks(mining_inputs(tiny_source), content_for(tiny_source), tmp_path)
    assert store.image_ids == tiny_source.ids
    assert store.image.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert store.score.tolist() == [0.5, 0.75] * 5
    assert store.bbox_xywh[:2].tolist() == [[4, 5, 8, 12], [13, 5, 8, 12]]
    assert (store.cluster == -1).all()
    expected = {"file_images": 6, "file_images_not_in_data": 1, "images_not_in_file": 1, "crowds_left_out": 0}
    assert outputs.metrics.items() >= expected.items()
    assert [path.name for path in (tmp_path / "mine").iterdir()] == [MINED.file]


def test_several_masks_of_an_image_are_clustered(tiny_source: BlobSource, tmp_path: Path) -> None:
    _, store = import_masks(mining_inputs(tiny_source), content_for(tiny_source), tmp_path)
    config = ClusterConfig(k=2, model="vit_tiny_patch16_224", weights=UNTRAINED, max_side=64)
    inputs = replace(mining_inputs(tiny_source), artifacts={"mine": tmp_path / "mine"})
    outputs = run_cluster(config, inputs, tmp_path, Silent())
    clusters = ClusterStore.open(tmp_path / CLUSTERS.file)
    assert outputs.items == len(clusters) == len(store) == 10
    assert not np.array_equal(clusters.embedding[0], clusters.embedding[1])


def test_crowds_are_left_out_and_counted(tiny_source: BlobSource, tmp_path: Path) -> None:
    content = content_for(tiny_source)
    content["annotations"][0]["iscrowd"] = 1
    outputs, store = import_masks(mining_inputs(tiny_source), content, tmp_path)
    assert len(store) == 9
    assert outputs.metrics["crowds_left_out"] == 1


class Heard(Silent):
    """A Progress that keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def say(self, line: str) -> None:
        self.notes.append(line)


@pytest.mark.parametrize(
    ("first_image", "reason", "kept"),
    [
        (
            {"height": 50, "width": 70},
            "2 for an image of another size (elsewhere/blob0.jpg: 70 x 50 px in",
            8,
        ),
        ({"file_name": "blob1.png"}, "4 of images whose names may mean several, or the same as another name (blob1", 6),
        ({"file_name": "blob77.png"}, "2 of images that are not in the data (blob77.png)", 8),
    ],
)
def test_masks_that_do_not_fit_the_images_are_left_out_and_counted(
    tiny_source: BlobSource, tmp_path: Path, first_image: Content, reason: str, kept: int
) -> None:
    heard = Heard()
    content = content_for(tiny_source, **first_image)
    outputs, store = import_masks(mining_inputs(tiny_source), content, tmp_path, heard)
    assert len(store) == kept
    (said,) = heard.notes
    assert said.startswith(f"{10 - kept} of 10 masks left out: {reason}")
    assert sum(outputs.metrics["masks_left_out"].values()) == 10 - kept


def test_a_code_of_another_size_than_the_image_is_left_out_with_its_name(
    tiny_source: BlobSource, tmp_path: Path
) -> None:
    content = content_for(tiny_source)
    for image in content["images"]:
        del image["height"], image["width"]
    content["annotations"][1]["segmentation"]["size"] = [50, 70]
    heard = Heard()
    _, store = import_masks(mining_inputs(tiny_source), content, tmp_path, heard)
    assert len(store) == 9
    assert "annotations[1].segmentation, image elsewhere/blob0.jpg: its size is [50, 70]" in heard.notes[0]


def all_crowds(content: Content) -> None:
    for item in content["annotations"]:
        item["iscrowd"] = 1


def only_boxes(content: Content) -> None:
    for item in content["annotations"]:
        item["segmentation"] = []


NOTHING_LEFT: dict[str, tuple[Callable[[Content], object], str]] = {
    "crowds": (all_crowds, r"no mask is left of 10: 10 crowd regions \(elsewhere/blob0.*mine\.import\.crowds=true"),
    "boxes": (only_boxes, "no mask is left of 10: 10 without an outline, a box at most"),
    "none": (lambda content: content.update(annotations=[]), "no mask is left of 0: the file holds none"),
    "others": (
        lambda content: [item.update(image_id=99) for item in content["annotations"]],
        r"no mask is left of 10: 10 of images that are not in the data \(unknown\.jpg\)",
    ),
}


@pytest.mark.parametrize(("change", "message"), NOTHING_LEFT.values(), ids=NOTHING_LEFT.keys())
def test_a_run_without_any_mask_stops_before_the_first_image(
    tiny_source: BlobSource, tmp_path: Path, change: Callable[[Content], object], message: str
) -> None:
    content = content_for(tiny_source)
    change(content)
    with pytest.raises(InputError, match=message):
        import_masks(mining_inputs(tiny_source), content, tmp_path)
    assert tiny_source.reads == []


def test_a_way_to_read_names_is_said(tiny_source: BlobSource, tmp_path: Path) -> None:
    content = content_for(tiny_source)
    for k, image in enumerate(content["images"]):
        image["file_name"] = f"images/{k:08x}-{image['file_name'].rpartition('/')[2]}"
    heard = Heard()
    _, store = import_masks(mining_inputs(tiny_source), content, tmp_path, heard)
    assert len(store) == 10
    assert "5 file names found with the prefix or suffix of an annotation server" in heard.notes[0]


def test_a_file_for_other_images_is_refused(tiny_source: BlobSource, tmp_path: Path) -> None:
    content = content_for(tiny_source)
    content["images"] = content["images"][-1:]
    content["annotations"] = []
    with pytest.raises(InputError, match=r"names no image of the data set.*unknown\.jpg.*blob0"):
        import_masks(mining_inputs(tiny_source), content, tmp_path)


def test_unreadable_images_are_failures_here_too(tmp_path: Path) -> None:
    source = BlobSource(unreadable=(1,))
    inputs = mining_inputs(source, max_failure_rate=0.2)
    outputs, store = import_masks(inputs, content_for(source), tmp_path)
    assert list(outputs.failures) == ["blob1"]
    assert "blob1" not in store.image_ids


def test_an_interrupted_import_repeats_no_part(tiny_source: BlobSource, tmp_path: Path) -> None:
    inputs, content = mining_inputs(tiny_source), content_for(tiny_source)
    with pytest.raises(KeyboardInterrupt):
        import_masks(inputs, content, tmp_path, StopAfter(4))
    tiny_source.reads.clear()
    _, store = import_masks(inputs, content, tmp_path)
    assert tiny_source.reads == [2, 3, 4, 5]
    assert len(store) == 10
