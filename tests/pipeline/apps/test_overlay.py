"""Pictures, checked by their pixels."""

import numpy as np

from maskdistill.data.arrays import IGNORE
from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.apps.drawing.overlay import draw_labels, draw_masks

GREY = np.full((40, 60, 3), 100, dtype=np.uint8)


def box(y1: int, x1: int, y2: int, x2: int) -> np.ndarray:
    mask = np.zeros(GREY.shape[:2], dtype=bool)
    mask[y1:y2, x1:x2] = True
    return mask


def test_no_mask_leaves_the_image_as_it_is() -> None:
    np.testing.assert_array_equal(draw_masks(GREY, np.zeros((0, 40, 60), dtype=bool), []), GREY)


def test_masks_are_outlined_in_their_colour_and_the_rest_is_dimmed() -> None:
    picture = draw_masks(GREY, box(10, 10, 30, 30)[None], [3])
    assert tuple(picture[10, 10]) == cluster_colour(3)
    assert (picture[0, 0] < 60).all()
    inside = picture[20, 20].astype(int)
    assert np.argmax(inside) == np.argmax(cluster_colour(3))


def test_the_first_mask_is_on_top() -> None:
    both = np.stack([box(10, 10, 30, 30), box(0, 0, 40, 60)])
    alone = draw_masks(GREY, both[:1], [1])
    together = draw_masks(GREY, both, [1, 2])
    np.testing.assert_array_equal(together[12:28, 12:28], alone[12:28, 12:28])
    assert tuple(together[0, 0]) == cluster_colour(2)


def test_label_maps_leave_background_and_ignore_undrawn() -> None:
    labels = np.zeros((40, 60), dtype=np.uint8)
    labels[10:30, 10:30] = 5
    labels[:5] = IGNORE
    expected = draw_masks(GREY, (labels == 5)[None], [4])
    np.testing.assert_array_equal(draw_labels(GREY, labels), expected)


def test_captions_are_written_where_the_mask_is_also_at_the_edge() -> None:
    mask = box(30, 50, 40, 60)[None]
    plain, captioned = draw_masks(GREY, mask, [0]), draw_masks(GREY, mask, [0], ["c0 0.99"])
    changed = (plain != captioned).any(axis=-1)
    assert changed[25:, 15:].any()
    assert not changed[:20].any()


def test_colours_of_clusters_differ() -> None:
    assert len({cluster_colour(cluster) for cluster in range(-1, 40)}) == 41
