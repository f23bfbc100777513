import unicodedata

import pytest

from maskdistill.data.sources.image_names import NUMBER, SERVER, SPELLING, match_images

IDS = ["train2017/0009.jpg", "2007_000032", "a/1.png", "b/1.png", "photo.v2", "1.png"]

CASES = {
    "train2017/0009.jpg": 0,
    "0009.jpg": 0,
    "0009": 0,
    "coco/train2017/0009.png": 0,
    "JPEGImages/2007_000032.jpg": 1,
    "/home/somebody/VOC2012/JPEGImages/2007_000032.jpg": 1,
    "..\\VOC2012\\2007_000032.jpg": 1,
    "a/1.png": 2,
    "c/b/1.jpg": 3,
    "photo.v2.jpg": 4,
    "1.png": 5,
    "photo": None,
    "val2017/0009.jpg": None,
    "10009.jpg": None,
    "": None,
    "..": None,
}


@pytest.mark.parametrize(("name", "expected"), CASES.items())
def test_a_name_means_the_image_that_it_ends_with(name: str, expected: int | None) -> None:
    ids = IDS if name == "1.png" else IDS[:5]
    matches = match_images({7: name}, ids)
    assert matches.found == ({} if expected is None else {expected: [7]})
    assert not matches.remedies


@pytest.mark.parametrize(
    ("name", "expected", "way"),
    [
        ("TRAIN2017/0009.JPG", 0, SPELLING),
        ("https://example.org/b/2007_000032.jpg?x=1", 1, SPELLING),
        ("https://example.org/a%2F1.png", 2, SPELLING),
        (unicodedata.normalize("NFD", "Müller é.jpg"), 6, SPELLING),
        ("/data/local-files/?d=pics%2Fa%2F1.png", 2, SPELLING),
        ("2007_000032.jpg\n", 1, SPELLING),
        ("images/0a1b2c3d-photo.v2.jpg", 4, SERVER),
        ("3f2a_2007_000032.jpg", 1, SERVER),
        ("2007_000032_jpg.rf.0a1b2c3d.jpg", 1, SERVER),
        ("9", 0, NUMBER),
        ("32", None, ""),
        ("x-1.png", None, ""),
    ],
)
def test_other_ways_to_write_a_name(name: str, expected: int | None, way: str) -> None:
    matches = match_images({7: name}, [*IDS[:5], "c", unicodedata.normalize("NFC", "Müller é.jpg")])
    assert matches.found == ({} if expected is None else {expected: [7]})
    assert matches.remedies == ({way: 1} if way else {})


def test_names_of_several_images_and_images_of_several_names_are_left_out() -> None:
    matches = match_images({7: "1.jpg"}, IDS[:5])
    assert (matches.found, matches.ambiguous) == ({}, [7])
    matches = match_images({7: "train/2007_000032.jpg", 8: "val/2007_000032.jpg"}, IDS)
    assert (matches.found, matches.ambiguous) == ({}, [7, 8])
    matches = match_images({7: "train/2007_000032.jpg", 8: "2007_000032"}, IDS)
    assert (matches.found, matches.ambiguous) == ({1: [8]}, [7])


def test_an_image_may_be_listed_twice_under_one_name() -> None:
    assert match_images({7: "2007_000032.jpg", 8: "2007_000032.jpg"}, IDS).found == {1: [7, 8]}


def test_a_name_that_fits_as_it_stands_keeps_its_image() -> None:
    matches = match_images({7: "0a1b2c3d-photo.v2.jpg", 8: "photo.v2"}, IDS)
    assert (matches.found, matches.ambiguous) == ({4: [8]}, [])
