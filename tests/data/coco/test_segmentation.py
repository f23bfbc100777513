"""Segmentations from foreign files: against pycocotools where it may be asked, and hostile ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from helpers.coco_files import runs_of
from maskdistill.data.coco.segmentation import decode_counts, is_relative, read_mask
from maskdistill.data.stores.rle import Rle, encode

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40))


def encode_again(segmentation: object, size_hw: tuple[int, ...]) -> Rle:
    """The code of the mask that a segmentation is read as."""
    height, width = size_hw
    return encode(read_mask(segmentation, (height, width)))


@given(masks)
def test_counts_are_the_runs_of_the_mask(mask: NDArray[np.bool_]) -> None:
    assert decode_counts(encode(mask)["counts"]).tolist() == runs_of(mask)


@given(masks)
def test_both_kinds_of_code_give_the_one_of_pycocotools(mask: NDArray[np.bool_]) -> None:
    expected = encode(mask)
    size = list(mask.shape)
    text = {"size": size, "counts": expected["counts"].decode()}
    assert encode_again(text, mask.shape) == expected
    assert encode_again({"size": size, "counts": runs_of(mask)}, mask.shape) == expected
    split = {"size": size, "counts": [0, 0, *runs_of(mask)]}
    assert encode_again(split, mask.shape) == expected


def test_runs_above_a_million_are_read() -> None:
    mask = np.zeros((3000, 2000), dtype=bool)
    mask[:, 1500:1501] = True
    assert decode_counts(encode(mask)["counts"]).tolist() == [4_500_000, 3000, 1_497_000]


def test_polygons_are_drawn_as_pycocotools_draws_them() -> None:
    polygons = [[1.0, 1.0, 6.0, 1.0, 6.0, 4.0, 1.0, 4.0], [8, 6, 11, 6, 11, 9]]
    mask = np.zeros((10, 12), dtype=bool)
    mask[1:4, 1:6] = True
    # The triangle, drawn by hand: the pixels whose centres lie right of its slanted edge.
    for y, x in ((6, 9), (6, 10), (7, 10)):
        mask[y, x] = True
    code = encode_again(polygons, (10, 12))
    drawn = coco_mask.decode(code).astype(bool)
    np.testing.assert_array_equal(drawn[:, :7], mask[:, :7])
    assert drawn[6, 10]
    assert not drawn[8, 8]
    assert encode_again([[1, 1, 6, 4]], (10, 12)) == encode(np.zeros((10, 12), dtype=bool))


SQUARE = np.zeros((10, 12), dtype=bool)
SQUARE[1:4, 2:6] = True
ALIKE: dict[str, object] = {
    "a polygon": [[2, 1, 6, 1, 6, 4, 2, 4]],
    "outside of a list": [2, 1, 6, 1, 6, 4, 2, 4],
    "corners in pairs": [[[2, 1], [6, 1], [6, 4], [2, 4]]],
    "pairs outside of a list": [[2, 1], [6, 1], [6, 4], [2, 4]],
    "as text": "[[2, 1, 6, 1, 6, 4, 2, 4]]",
    "rows of true and false": SQUARE.tolist(),
    "a code": {"size": [10, 12], "counts": runs_of(SQUARE)},
    "a code of floats": {"size": [10.0, 12.0], "counts": [float(run) for run in runs_of(SQUARE)]},
    "a size of texts": {"size": ["10", "12"], "counts": runs_of(SQUARE)},
    "a code in a list": [{"size": [10, 12], "counts": runs_of(SQUARE)}],
}


@pytest.mark.parametrize("segmentation", ALIKE.values(), ids=ALIKE.keys())
def test_programs_write_one_mask_in_many_ways(segmentation: object) -> None:
    np.testing.assert_array_equal(read_mask(segmentation, (10, 12)), SQUARE)


@pytest.mark.parametrize(
    ("segmentations", "relative"),
    [
        ([[[0.1, 0.1, 0.5, 0.1, 0.5, 0.5]]], True),
        ([[[-0.001, 0.1, 1.002, 0.1, 0.5, 0.5]]], True),
        ([[[0.1, 0.1, 0.5, 0.1, 0.5, 0.5]], [[float("nan"), 0, 1, 1, 0, 1]], "no mask", None], True),
        ([[[[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]]], True),
        ([[[0.1, 0.1, 0.5, 0.1, 0.5, 0.5]], [[2, 1, 6, 1, 6, 4]]], False),
        ([[[0, 0, 1, 0, 1, 1]]], False),
        ([{"size": [10, 12], "counts": [120]}], False),
    ],
)
def test_outlines_within_0_and_1_are_fractions(segmentations: list[object], *, relative: bool) -> None:
    assert is_relative(segmentations) == relative


HOSTILE: dict[str, object] = {
    "empty": {"size": [10, 12], "counts": ""},
    "cut off": {"size": [10, 12], "counts": "P137000j"},
    "foreign characters": {"size": [10, 12], "counts": "~~~~"},
    "beyond ASCII": {"size": [10, 12], "counts": "P137000ĵ1"},
    "endless number": {"size": [10, 12], "counts": "o" * 1000 + "0"},
    "too few pixels": {"size": [10, 12], "counts": "1"},
    "too many pixels": {"size": [10, 12], "counts": [60, 61]},
    "negative run": {"size": [10, 12], "counts": [130, -10]},
    "huge run": {"size": [10, 12], "counts": [2**31 - 1, 1]},
    "run beyond 64 bits": {"size": [10, 12], "counts": [10**40]},
    "run that is true": {"size": [10, 12], "counts": [True, 119]},
    "run that is no number": {"size": [10, 12], "counts": ["120"]},
    "no counts": {"size": [10, 12]},
    "other size": {"size": [12, 10], "counts": [120]},
    "no size": {"counts": [120]},
    "neither": "P137000j1",
    "a picture in a text": "iVBORw0KGgo=",
    "rows of another size": [[True, False], [False, True]],
    "rows of which some are numbers": [[True, *[0] * 11] for _ in range(10)],
    "polygon of text": [["a", "b", "c", "d", "e", "f"]],
    "odd polygon": [[1, 1, 5, 1, 5, 5, 1]],
    "polygon far outside": [[0, 0, 1e9, 0, 1e9, 1e9]],
    "polygon of nan": [[0, 0, float("nan"), 0, 5, 5]],
    "polygon of infinity": [[0, 0, float("inf"), 0, 5, 5]],
    "polygon beyond floats": [[0, 0, 10**400, 0, 5, 5]],
    "endless polygon": [[0, 0, 12, 10] * 1000],
}


@pytest.mark.parametrize("segmentation", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_segmentations_are_refused(segmentation: object) -> None:
    with pytest.raises(ValueError, match=r"counts|size|polygon"):
        encode_again(segmentation, (10, 12))


@given(st.binary(max_size=40))
def test_no_bytes_are_read_as_anything_but_a_mask_of_the_right_size(counts: bytes) -> None:
    try:
        code = encode_again({"size": [5, 7], "counts": counts.decode("latin-1")}, (5, 7))
    except ValueError:
        return
    assert coco_mask.decode(code).shape == (5, 7)
