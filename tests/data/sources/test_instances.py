"""Instances from maps, and those of generated scenes."""

import numpy as np
from pycocotools import mask as coco_mask

from maskdistill.data.config import ScenesConfig
from maskdistill.data.sources.instances import Instances
from maskdistill.data.sources.scenes.source import SceneSource


def test_a_map_becomes_one_mask_per_object() -> None:
    objects = np.asarray([[1, 1, 0], [2, 255, 7]], dtype=np.uint8)
    instances = Instances.of_map(objects, [5, 3])
    assert coco_mask.decode(list(instances.rles)).transpose(2, 0, 1).tolist() == [
        [[1, 1, 0], [0, 0, 0]],
        [[0, 0, 0], [1, 0, 0]],
    ]
    assert instances.class_ids.tolist() == [5, 3]
    assert instances.is_crowd.tolist() == [False, False]
    assert len(Instances.of_map(objects, [])) == 0


def test_objects_of_a_scene_make_up_its_label_map() -> None:
    source = SceneSource(ScenesConfig(kind="scenes", n_train=6, n_val=2, size=64))
    for i in range(len(source)):
        instances = source.read_instances(i)
        masks = coco_mask.decode(list(instances.rles))
        np.testing.assert_array_equal(masks @ instances.class_ids, source.read_labels(i))
        boxes = coco_mask.toBbox(list(instances.rles))
        boxes[:, 2:] += boxes[:, :2]
        np.testing.assert_array_equal(boxes, source.read_boxes(i))


def test_pixels_that_a_caller_changes_do_not_change_the_scene() -> None:
    source = SceneSource(ScenesConfig(kind="scenes", n_train=1, n_val=0, size=32))
    source.read(0)[:] = 0
    assert source.read(0).any()
