from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile

from helpers.sources import write_image
from maskdistill.data.errors import InputError, UnreadableImage
from maskdistill.data.sources.decode import read_image
from maskdistill.data.sources.label_maps import read_class_indices

LIMIT = 10_000

# Left half one colour, right half another: 8 px each, so that JPEG blocks do not mix them.
RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def halves(left: object, right: object, dtype: str = "u1") -> NDArray[np.generic]:
    pixels = [[left] * 8 + [right] * 8] * 8
    return np.asarray(pixels, dtype=dtype)


def save(path: Path, pixels: NDArray[np.generic], **options: Any) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def save_mode(path: Path, mode: str) -> Path:
    Image.fromarray(halves(RED, BLUE)).convert(mode).save(path)
    return path


def save_palette(path: Path, **options: Any) -> Path:
    image = Image.fromarray(halves(3, 7))
    palette = [0] * 768
    palette[9:12], palette[21:24] = RED, BLUE
    image.putpalette(palette)
    image.save(path, **options)
    return path


def grey(value: int) -> tuple[int, int, int]:
    return (value, value, value)


Case = tuple[Callable[[Path], Path], tuple[int, int, int], tuple[int, int, int]]
READABLE: dict[str, Case] = {
    "rgb.png": (lambda p: save(p, halves(RED, BLUE)), RED, BLUE),
    "rgb.jpg": (lambda p: save(p, halves(RED, BLUE), quality=100), RED, BLUE),
    "rgb.webp": (lambda p: save(p, halves(RED, BLUE), lossless=True), RED, BLUE),
    "cmyk.jpg": (lambda p: save_mode(p, "CMYK"), RED, BLUE),
    "cmyk.tif": (lambda p: save_mode(p, "CMYK"), RED, BLUE),
    "ycbcr.tif": (lambda p: save_mode(p, "YCbCr"), RED, BLUE),
    "grey.png": (lambda p: save(p, halves(10, 200)), grey(10), grey(200)),
    "one-bit.png": (lambda p: save(p, halves(False, True, "?")), grey(0), grey(255)),
    "grey-alpha.png": (lambda p: save(p, halves((10, 255), (10, 0))), grey(10), WHITE),
    "alpha.png": (lambda p: save(p, halves((*RED, 255), (*BLUE, 0))), RED, WHITE),
    "half-alpha.png": (lambda p: save(p, halves((*RED, 255), (0, 0, 0, 128))), RED, grey(127)),
    "palette.png": (save_palette, RED, BLUE),
    "palette-transparent.png": (lambda p: save_palette(p, transparency=7), RED, WHITE),
    "palette.gif": (save_palette, RED, BLUE),
    "grey-with-transparent-value.png": (lambda p: save(p, halves(10, 200), transparency=200), grey(10), WHITE),
    "16-bit.png": (lambda p: save(p, halves(257 * 20, 65535, "u2")), grey(20), grey(255)),
    "16-bit.tif": (lambda p: save(p, halves(257 * 20, 65535, "u2")), grey(20), grey(255)),
    "32-bit.tif": (lambda p: save(p, halves(-1000, 5000, "i4")), grey(0), grey(255)),
    "float.tif": (lambda p: save(p, halves(0.25, 0.75, "f4")), grey(0), grey(255)),
    "float-nan.tif": (lambda p: save(p, halves(np.nan, 0.75, "f4")), grey(0), grey(255)),
    "float-constant.tif": (lambda p: save(p, halves(3.5, 3.5, "f4")), grey(0), grey(0)),
    "wrong-suffix.txt": (lambda p: save(p, halves(RED, BLUE), format="PNG"), RED, BLUE),
}


@pytest.mark.parametrize("name", READABLE)
def test_every_kind_of_file_becomes_8_bit_rgb(tmp_path: Path, name: str) -> None:
    make, left, right = READABLE[name]
    pixels = read_image(make(tmp_path / name), LIMIT)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (8, 16, 3)
    np.testing.assert_allclose(pixels[:, :7].astype(int), np.broadcast_to(left, (8, 7, 3)), atol=3)
    np.testing.assert_allclose(pixels[:, 9:].astype(int), np.broadcast_to(right, (8, 7, 3)), atol=3)


def test_one_pixel_is_an_image(tmp_path: Path) -> None:
    path = save(tmp_path / "dot.png", np.array([[RED]], dtype=np.uint8))
    assert read_image(path, 1).tolist() == [[[255, 0, 0]]]


def test_the_result_is_writable(tmp_path: Path) -> None:
    assert read_image(save(tmp_path / "a.png", halves(RED, BLUE)), LIMIT).flags.writeable


UPRIGHT = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
# How a camera stores the upright picture under each EXIF orientation, from the EXIF standard's definition
# of where row 0 and column 0 lie.
STORED = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.T,
    6: np.rot90(UPRIGHT),
    7: UPRIGHT[::-1, ::-1].T,
    8: np.rot90(UPRIGHT, -1),
}


@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation_is_undone(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(np.ascontiguousarray(STORED[orientation])).save(path, exif=exif)
    np.testing.assert_array_equal(read_image(path, LIMIT)[..., 0], UPRIGHT)


@pytest.mark.parametrize("exif", [b"Exif\0\0MM\0*\0\0\0", b"Exif\0\0garbage that is no TIFF header", b"Exif\0\0"])
def test_damaged_exif_does_not_lose_the_image(tmp_path: Path, exif: bytes) -> None:
    path = save(tmp_path / "a.jpg", halves(RED, BLUE), exif=exif)
    assert read_image(path, LIMIT).shape == (8, 16, 3)


def _cut(path: Path, share: float) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    save(path, noise)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


UNREADABLE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing.jpg": (lambda p: p, "there is no such file"),
    "empty.jpg": (lambda p: _write(p, b""), "the file is empty"),
    "text.jpg": (lambda p: _write(p, b"<html>404</html>"), "not an image"),
    "header-only.png": (lambda p: _write(p, b"\x89PNG\r\n\x1a\n"), "not an image|unrecognized|truncated|broken"),
    "cut.jpg": (lambda p: _cut(p, 0.6), "truncated"),
    "cut.png": (lambda p: _cut(p, 0.6), "truncated"),
    "cut.tif": (lambda p: _cut(p, 0.6), "."),
    "cut.webp": (lambda p: _cut(p, 0.6), "."),
    "folder.jpg": (_folder, "[Dd]irectory"),
    "huge.png": (lambda p: save(p, np.zeros((101, 100), dtype=np.uint8)), r"100 x 101 px .* limit of 10000 px"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_files_are_named_with_their_reason(tmp_path: Path, name: str) -> None:
    make, reason = UNREADABLE[name]
    path = make(tmp_path / name)
    with pytest.raises(UnreadableImage, match=reason) as caught:
        read_image(path, LIMIT)
    assert str(caught.value).startswith(f"{path}: ")


def test_truncated_images_fail_though_another_library_allowed_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(UnreadableImage, match="truncated"):
        read_image(_cut(tmp_path / "cut.jpg", 0.6), LIMIT)


def _bomb(path: Path) -> Path:
    """A few bytes that claim 30,000 x 30,000 px, beyond both limits of PIL."""
    header = b"P6\n30000 30000\n255\n"
    return _write(path, header + b"\0" * 100)


def test_a_decompression_bomb_is_refused_from_its_header_without_warning(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match=r"30000 x 30000 px .*data\.max_pixels"):
        read_image(_bomb(tmp_path / "bomb.ppm"), 100_000_000)


def test_label_maps_are_read_as_indices_not_colours(tmp_path: Path) -> None:
    path = save_palette(tmp_path / "label.png")
    assert np.unique(read_class_indices(path, 8)).tolist() == [3, 7]


def test_label_maps_may_be_grey_and_may_ignore(tmp_path: Path) -> None:
    path = save(tmp_path / "label.png", halves(2, 255))
    assert np.unique(read_class_indices(path, 3)).tolist() == [2, 255]


def _cut_label(path: Path) -> Path:
    save(path, np.random.default_rng(0).integers(0, 3, (64, 64), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:200])
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: save(p, halves(RED, BLUE)), "this one is RGB"),
        (lambda p: save(p, halves(1, 3)), "class index 3, but there are only 3 classes"),
        (lambda p: _write(p, b"no image"), "cannot be read"),
        (_cut_label, "cannot be read"),
    ],
)
def test_unusable_label_maps_are_input_errors(tmp_path: Path, make: Callable[[Path], Path], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_class_indices(make(tmp_path / "label.png"), 3)


@pytest.mark.parametrize("size_hw", [(1, 20_000), (20_000, 1), (3, 301)])
def test_a_picture_that_is_a_line_is_refused(tmp_path: Path, size_hw: tuple[int, int]) -> None:
    path = write_image(tmp_path / "line.png", 0, size_hw)
    with pytest.raises(UnreadableImage, match="one side is over 100 times the other"):
        read_image(path, 10**8)
    assert read_image(write_image(tmp_path / "panorama.png", 0, (3, 300)), 10**8).shape == (3, 300, 3)
