import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import ndimage

from helpers.paths import ROOT
from maskdistill.data.arrays import UInt8Array
from maskdistill.data.config import ScenesConfig
from maskdistill.data.sources.open import open_source
from maskdistill.data.sources.scenes.scene import TRAIN_STREAM, VAL_STREAM, Scene, generate
from maskdistill.data.sources.scenes.shapes import CLASS_NAMES
from maskdistill.data.sources.scenes.source import SceneSource

N = 60


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [generate(0, i) for i in range(N)]


def make_source(**fields: object) -> SceneSource:
    source = open_source(ScenesConfig.model_validate({"kind": "scenes", "n_train": 4, "n_val": 3, **fields}))
    assert isinstance(source, SceneSource)
    return source


def test_a_scene_is_the_same_in_another_process(scenes: list[Scene]) -> None:
    code = (
        "import sys; from maskdistill.data.sources.scenes.scene import generate; "
        "sys.stdout.buffer.write(generate(0, 3).image.tobytes())"
    )
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True).stdout
    assert other == scenes[3].image.tobytes()


def test_scenes_differ_by_seed_index_and_stream(scenes: list[Scene]) -> None:
    others = [generate(0, 0), generate(1, 0), generate(0, 1), generate(0, 0, stream=VAL_STREAM), generate(2**32, 0)]
    assert len({scene.image.tobytes() for scene in others}) == 5
    assert others[0].image.tobytes() == scenes[0].image.tobytes()


def test_shapes_and_types(scenes: list[Scene]) -> None:
    for scene in [*scenes[:3], generate(0, 0, 96)]:
        size = len(scene.image)
        assert scene.image.dtype == scene.instances.dtype == np.uint8
        assert (scene.image.shape, scene.instances.shape) == ((size, size, 3), (size, size))
        assert scene.boxes_xyxy().dtype == np.float32


def test_every_object_is_in_sight_and_its_box_is_tight(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert np.unique(scene.instances).tolist() == list(range(len(scene.class_ids) + 1))
        for instance, (x1, y1, x2, y2) in enumerate(scene.boxes_xyxy().astype(int), start=1):
            ys, xs = np.nonzero(scene.instances == instance)
            assert (x1, y1, x2, y2) == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
            assert len(ys) >= 60


def test_labels_are_the_classes_of_the_instances(scenes: list[Scene]) -> None:
    for scene in scenes[:10]:
        labels = scene.labels()
        assert labels.dtype == np.uint8
        for instance, class_id in enumerate(scene.class_ids, start=1):
            assert (labels[scene.instances == instance] == class_id).all()
        assert (labels[scene.instances == 0] == 0).all()


def test_all_classes_occur_about_equally(scenes: list[Scene]) -> None:
    counts = np.bincount([class_id for scene in scenes for class_id in scene.class_ids], minlength=len(CLASS_NAMES))
    assert len(CLASS_NAMES) == 9
    assert counts[0] == 0
    assert (counts[1:] >= counts.sum() / 8 / 3).all()


def test_the_number_of_objects_is_within_its_range(scenes: list[Scene]) -> None:
    assert {len(scene.class_ids) for scene in scenes} == {1, 2, 3}
    assert {len(generate(0, i, objects=(1, 1)).class_ids) for i in range(10)} == {1}


def test_crowded_scenes_occlude_but_hide_no_object() -> None:
    touching = 0
    for index in range(20):
        scene = generate(5, index, objects=(8, 8))
        areas = np.bincount(scene.instances.ravel(), minlength=len(scene.class_ids) + 1)[1:]
        assert (areas >= 60).all()
        left, right = scene.instances[:, :-1], scene.instances[:, 1:]
        touching += bool(((left != right) & (left > 0) & (right > 0)).any())
    assert touching >= 15


def smallest_distance(scene: Scene) -> float:
    """Between two objects, in px."""
    outside = [ndimage.distance_transform_edt(scene.instances != k) for k in range(1, len(scene.class_ids) + 1)]
    others = [distance[(scene.instances > 0) & (distance > 0)] for distance in outside]
    return min((float(distances.min()) for distances in others if distances.size), default=np.inf)


def test_objects_keep_their_distance_where_one_is_asked_for() -> None:
    apart, touching = ([generate(5, i, gap=gap) for i in range(20)] for gap in (0.06, 0.0))
    assert 0.06 * 128 < min(map(smallest_distance, apart)) < 16
    assert min(map(smallest_distance, touching)) < 0.06 * 128
    assert {len(scene.class_ids) for scene in apart} == {1, 2, 3}


def best_threshold(grey: NDArray[np.float64]) -> float:
    """Otsu's threshold, by its definition: the largest variance between the two classes."""
    counts, edges = np.histogram(grey, bins=64)
    weight = np.cumsum(counts)
    mean = np.cumsum(counts * edges[:-1])
    total, whole = weight[-1], mean[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (whole * weight - total * mean) ** 2 / (weight * (total - weight))
    return float(edges[1:][np.nanargmax(between)])


def otsu_iou(image: UInt8Array, foreground: NDArray[np.bool_]) -> float:
    """IoU of the threshold's better side with all objects: kinder than any method that must choose."""
    grey = image.mean(axis=2)
    side = grey > best_threshold(grey)
    return max(float((half & foreground).sum() / (half | foreground).sum()) for half in (side, ~side))


def test_no_threshold_on_grey_finds_the_objects(scenes: list[Scene]) -> None:
    assert np.mean([otsu_iou(scene.image, scene.instances > 0) for scene in scenes]) < 0.45
    # The measure itself works: on the true mask, painted, it is perfect.
    painted = np.repeat((scenes[0].instances > 0)[..., None], 3, axis=2).astype(np.uint8) * 255
    assert otsu_iou(painted, scenes[0].instances > 0) == 1


def test_objects_and_ground_are_equally_bright_on_average(scenes: list[Scene]) -> None:
    inside = [scene.image[scene.instances > 0].mean() for scene in scenes]
    outside = [scene.image[scene.instances == 0].mean() for scene in scenes]
    assert abs(np.mean(inside) - np.mean(outside)) < 12


def test_the_source_gives_both_splits() -> None:
    source = make_source()
    assert list(source.ids) == [f"train/{i:06d}" for i in range(4)] + [f"val/{i:06d}" for i in range(3)]
    assert source.n_train == 4
    assert source.class_names == CLASS_NAMES
    assert len({source.read(i).tobytes() for i in range(7)}) == 7
    np.testing.assert_array_equal(source.read(5), generate(0, 1, stream=VAL_STREAM).image)
    np.testing.assert_array_equal(source.read(1), generate(0, 1, stream=TRAIN_STREAM).image)
    np.testing.assert_array_equal(source.read_labels(5), generate(0, 1, stream=VAL_STREAM).labels())
    assert len(source.read_boxes(5)) == len(source.scene(5).class_ids)
    with pytest.raises(IndexError):
        source.read(7)


def test_more_training_scenes_leave_the_others_as_they_are() -> None:
    small, large = make_source(), make_source(n_train=9)
    np.testing.assert_array_equal(small.read(4), large.read(9))


def test_every_parameter_that_changes_scenes_is_in_the_fingerprint() -> None:
    changes: list[dict[str, object]] = [
        {}, {"seed": 1}, {"n_train": 5}, {"n_val": 2}, {"size": 96}, {"objects": (1, 2)}, {"scale": (0.3, 0.6)},
    ]  # fmt: skip
    prints = [make_source(**change).fingerprint() for change in changes]
    assert len(set(prints)) == len(changes)
    assert make_source(max_failure_rate=0.5).fingerprint() == prints[0]
    assert make_source().labels_fingerprint() != prints[0]


@pytest.mark.parametrize("fields", [{"objects": (3, 1)}, {"objects": (0, 1)}, {"scale": (0.6, 0.3)}, {"size": 8}])
def test_impossible_parameters_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        make_source(**fields)
