"""Masks of another program in place of mined ones."""

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from helpers.interruption import StopAfter
from maskdistill.data.errors import InputError
from maskdistill.data.stores.clusters import ClusterStore
from maskdistill.data.stores.masks import MaskStore
from maskdistill.stages.cluster import stage as cluster_stage
from maskdistill.stages.cluster.config import ClusterConfig
from maskdistill.stages.contract import ExecutionConfig, StageInputs
from maskdistill.stages.mine import stage
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.progress import Silent
from maskdistill.stages.weights import WeightsSource


def box(size_hw, x, y, width, height):
    mask = np.zeros(size_hw, dtype=np.uint8, order="F")
    mask[y : y + height, x : x + width] = 1
    return {"size": list(size_hw), "counts": coco_mask.encode(mask)["counts"].decode()}


def content_for(source, masks_per_image=2, **first_image):
    """Boxes on every image but the last, under other names than the source's."""
    images, annotations = [], []
    for i in range(len(source) - 1):
        height, width = source.size_hw(i)
        images.append({"id": 10 + i, "file_name": f"elsewhere/blob{i}.jpg", "height": height, "width": width})
        for k in range(masks_per_image):
            code = box((height, width), 4 + 9 * k, 5 + i, 8, 12)
            annotations.append({"image_id": 10 + i, "category_id": 3, "segmentation": code, "score": 0.5 + k / 4})
    images[0].update(first_image)
    images.append({"id": 99, "file_name": "unknown.jpg", "height": 5, "width": 5})
    return {"images": images, "annotations": annotations, "categories": [{"id": 3, "name": "dog"}]}


def inputs_of(source, artifacts=None, **options):
    execution = ExecutionConfig(device="cpu", batch_size=4, part_size=2)
    return StageInputs(source=source, artifacts=artifacts or {}, execution=execution, **options)


def import_masks(source, content, folder: Path, progress=None, **options):
    folder.mkdir(exist_ok=True)
    (folder / "coco.json").write_text(json.dumps(content))
    config = MineConfig.model_validate({"method": "import", "import": {"file": folder / "coco.json"}})
    workdir = folder / "mine"
    outputs = stage.run(config, inputs_of(source, **options), workdir, progress or Silent())
    return outputs, MaskStore.open(workdir / "masks.zarr")


def test_masks_and_scores_come_in_and_classes_do_not(tiny_source, tmp_path):
    outputs, store = import_masks(tiny_source, content_for(tiny_source), tmp_path)
    assert store.image_ids == tiny_source.ids
    assert store.image.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert store.score.tolist() == [0.5, 0.75] * 5
    assert store.bbox_xywh[:2].tolist() == [[4, 5, 8, 12], [13, 5, 8, 12]]
    assert (store.cluster == -1).all()
    expected = {"file_images": 6, "file_images_not_in_data": 1, "images_not_in_file": 1, "crowds_left_out": 0}
    assert outputs.metrics.items() >= expected.items()
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["masks.zarr"]


def test_several_masks_of_an_image_are_clustered(tiny_source, tmp_path):
    _, store = import_masks(tiny_source, content_for(tiny_source), tmp_path)
    config = ClusterConfig(k=2, model="vit_tiny_patch16_224", weights=WeightsSource("untrained"), max_side=64)
    inputs = inputs_of(tiny_source, {"mine": tmp_path / "mine"})
    outputs = cluster_stage.run(config, inputs, tmp_path, Silent())
    clusters = ClusterStore.open(tmp_path / "clusters.zarr")
    assert outputs.items == len(clusters) == len(store) == 10
    assert not np.array_equal(clusters.embedding[0], clusters.embedding[1])


def test_crowds_are_left_out_and_counted(tiny_source, tmp_path):
    content = content_for(tiny_source)
    content["annotations"][0]["iscrowd"] = 1
    outputs, store = import_masks(tiny_source, content, tmp_path)
    assert len(store) == 9
    assert outputs.metrics["crowds_left_out"] == 1


@pytest.mark.parametrize(
    ("first_image", "message"),
    [
        ({"height": 50, "width": 70}, r"images\[0\]: the file says that elsewhere/blob0\.jpg has 70 x 50 px, but the "),
        ({"file_name": "blob1.png"}, r"both mean the image blob1"),
    ],
)
def test_files_that_do_not_fit_the_images_are_refused(tiny_source, tmp_path, first_image, message):
    with pytest.raises(InputError, match=message):
        import_masks(tiny_source, content_for(tiny_source, **first_image), tmp_path)


def test_codes_of_another_size_than_the_image_are_refused_with_its_name(tiny_source, tmp_path):
    content = content_for(tiny_source)
    for image in content["images"]:
        del image["height"], image["width"]
    content["annotations"][0]["segmentation"]["size"] = [50, 70]
    with pytest.raises(InputError, match=r"annotations\[0\]\.segmentation, image elsewhere/blob0\.jpg: its size"):
        import_masks(tiny_source, content, tmp_path)


def test_a_file_for_other_images_is_refused(tiny_source, tmp_path):
    content = content_for(tiny_source)
    content["images"] = content["images"][-1:]
    content["annotations"] = []
    with pytest.raises(InputError, match=r"names no image of the data set.*unknown\.jpg.*blob0"):
        import_masks(tiny_source, content, tmp_path)


def test_unreadable_images_are_failures_here_too(make_source, tmp_path):
    source = make_source(unreadable=(1,))
    outputs, store = import_masks(source, content_for(source), tmp_path, max_failure_rate=0.2)
    assert list(outputs.failures) == ["blob1"]
    assert "blob1" not in store.image_ids


def test_an_interrupted_import_repeats_no_part(make_source, tmp_path):
    source = make_source()
    content = content_for(source)
    with pytest.raises(KeyboardInterrupt):
        import_masks(source, content, tmp_path, progress=StopAfter(4))
    source.reads.clear()
    _, store = import_masks(source, content, tmp_path)
    assert source.reads == [2, 3, 4, 5]
    assert len(store) == 10
