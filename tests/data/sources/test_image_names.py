import pytest

from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_names import match_images

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
    assert match_images({7: name}, ids, "x.json") == ({} if expected is None else {expected: 7})


def test_names_of_several_images_and_images_of_several_names_are_refused() -> None:
    with pytest.raises(InputError, match=r"x\.json: '1\.jpg' may mean a/1\.png or b/1\.png; add its folder"):
        match_images({7: "1.jpg"}, IDS, "x.json")
    with pytest.raises(InputError, match=r"'train/2007_000032\.jpg' and '2007_000032' both mean .* 2007_000032"):
        match_images({7: "train/2007_000032.jpg", 8: "2007_000032"}, IDS, "x.json")
