"""Pictures deeper than 8 bits, with more bands than three, or of formats that nothing may start a program for."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from maskdistill.data.config import FolderConfig
from maskdistill.data.errors import UnreadableImage
from maskdistill.data.sources.decode import GAPS, MORE_BANDS, MORE_PAGES, STRETCHED, read_image, read_picture
from maskdistill.data.sources.folder import FolderSource
from maskdistill.data.sources.stretch import Stretch

LIMIT = 10_000


def scene(dtype: str = "u1", scale: float = 1) -> NDArray[np.generic]:
    """A colour picture of many values from 40 to 220."""
    values = np.random.default_rng(0).integers(40, 220, (20, 30, 3))
    return np.asarray(values * scale, dtype=dtype)


def write_png16(path: Path, values: NDArray[np.generic]) -> Path:
    """A PNG of 16 bits, which Pillow does not write in colour."""
    height, width, bands = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[bands], 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return path


def tiff(path: Path, values: NDArray[np.generic], **options: Any) -> Path:
    tifffile.imwrite(path, values, **{"photometric": "rgb", **options})
    return path


def with_band(values: NDArray[np.generic], band: object) -> NDArray[np.generic]:
    last = np.broadcast_to(np.asarray(band, dtype=values.dtype), values.shape[:2])
    return np.dstack([values, last])


def infrared(dtype: str = "u1", scale: float = 1) -> NDArray[np.generic]:
    return scene(dtype, scale)[..., 0] // 2


USED: dict[str, Callable[[Path], Path]] = {
    "12 bits in grey PNG": lambda p: _save(p / "x.png", scene("u2", 16)[..., 0]),
    "10 bits in grey TIFF": lambda p: _save(p / "x.tif", scene("u2", 4)[..., 0]),
    "12 bits in colour PNG": lambda p: write_png16(p / "x.png", scene("u2", 16)),
    "12 bits in grey PNG with alpha": lambda p: write_png16(
        p / "x.png", np.dstack([scene("u2", 16)[..., 0], np.full((20, 30), 65535)])
    ),
    "satellite values in TIFF": lambda p: tiff(p / "x.tif", scene("u2", 12)),
    "satellite values in big-endian TIFF": lambda p: tiff(p / "x.tif", scene("u2", 12), byteorder=">"),
    "satellite values, packed": lambda p: tiff(p / "x.tif", scene("u2", 12), compression="zlib"),
    "satellite values band by band": lambda p: tiff(
        p / "x.tif", np.moveaxis(scene("u2", 12), -1, 0), planarconfig="separate"
    ),
    "satellite values with infrared": lambda p: tiff(
        p / "x.tif", with_band(scene("u2", 12), infrared("u2", 12)), extrasamples=[0]
    ),
    "satellite values, infrared called alpha": lambda p: tiff(
        p / "x.tif", with_band(scene("u2", 12), infrared("u2", 12)), extrasamples=[2]
    ),
}


def _save(path: Path, values: NDArray[np.generic]) -> Path:
    Image.fromarray(values).save(path)
    return path


def brightness(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """Correlation with the scene, and contrast."""
    shown = pixels[..., 0].astype(float).ravel()
    return float(np.corrcoef(shown, scene()[..., 0].ravel())[0, 1]), float(np.ptp(shown))


@pytest.mark.parametrize("name", USED)
def test_what_uses_little_of_its_range_is_stretched_and_said(tmp_path: Path, name: str) -> None:
    picture = read_picture(USED[name](tmp_path), LIMIT)
    same, contrast = brightness(picture.pixels)
    assert same > 0.99 and contrast == 255
    assert STRETCHED in picture.remarks
    assert (MORE_BANDS in picture.remarks) == ("infrared" in name)


FULL: dict[str, Callable[[Path], Path]] = {
    "8 bits in colour": lambda p: tiff(p / "x.tif", scene()),
    "16 bits in grey": lambda p: _save(p / "x.png", scene("u2", 257)[..., 0]),
    "16 bits in colour": lambda p: tiff(p / "x.tif", scene("u2", 257)),
    "16 bits in colour PNG": lambda p: write_png16(p / "x.png", scene("u2", 257)),
    "floats in grey": lambda p: tiff(p / "x.tif", scene("f4", 1 / 255)[..., 0], photometric="minisblack"),
    "floats in colour": lambda p: tiff(p / "x.tif", scene("f4", 1 / 255)),
    "doubles in colour": lambda p: tiff(p / "x.tif", scene("f8", 1 / 255)),
    "infrared, named nothing": lambda p: tiff(p / "x.tif", with_band(scene(), infrared()), extrasamples=[0]),
    "infrared called alpha": lambda p: tiff(p / "x.tif", with_band(scene(), infrared()), extrasamples=[2]),
    "eight bands": lambda p: tiff(p / "x.tif", np.dstack([scene()] * 2 + [scene()[..., :2]]), extrasamples=[0] * 5),
}


@pytest.mark.parametrize("name", FULL)
def test_what_uses_its_range_is_read_as_it_is(tmp_path: Path, name: str) -> None:
    picture = read_picture(FULL[name](tmp_path), LIMIT)
    same, contrast = brightness(picture.pixels)
    assert same > 0.999
    assert contrast == (255 if "floats" in name or "doubles" in name else np.ptp(scene()[..., 0]))
    assert picture.remarks == ((MORE_BANDS,) if "infrared" in name or "bands" in name else ())


@pytest.mark.parametrize("name", [*USED, *FULL])
def test_it_is_read_whole_for_a_look_of_any_size(tmp_path: Path, name: str) -> None:
    source = FolderSource(FolderConfig(kind="folder", root=(USED | FULL)[name](tmp_path).parent))
    np.testing.assert_array_equal(source.glance(0, 2).pixels, source.read(0))


def with_gaps(values: NDArray[np.generic], gap: float) -> NDArray[np.generic]:
    """A picture in grey of which four columns stand for nothing."""
    grey = values[..., 0].copy()
    grey[:, :4] = gap
    return grey


GAPPED: dict[str, NDArray[np.generic]] = {
    "nan": with_gaps(scene("f4").astype(np.float32) + 1000, np.nan),
    "infinity": with_gaps(scene("f4", 1), np.inf),
    "-9999": with_gaps(scene("f4", 1 / 255), -9999),
    "the least float": with_gaps(scene("f4", 1 / 255), float(np.finfo(np.float32).min)),
    "the largest of 16 bits": with_gaps(scene("u2", 12), 65535),
    "-32768": with_gaps(scene("i2", 8), -32768),
}


@pytest.mark.parametrize("name", GAPPED)
def test_values_that_stand_for_nothing_leave_the_others_their_contrast(tmp_path: Path, name: str) -> None:
    picture = read_picture(tiff(tmp_path / "x.tif", GAPPED[name], photometric="minisblack"), LIMIT)
    shown = picture.pixels[:, 4:, 0].astype(float)
    assert np.corrcoef(shown.ravel(), scene()[:, 4:, 0].ravel())[0, 1] > 0.99
    assert np.ptp(shown) == 255
    assert GAPS in picture.remarks
    assert set(picture.pixels[:, :4].ravel().tolist()) <= {0, 255}


def test_a_picture_of_nothing_is_black(tmp_path: Path) -> None:
    path = tiff(tmp_path / "x.tif", np.full((4, 6), np.nan, dtype=np.float32), photometric="minisblack")
    assert not read_image(path, LIMIT).any()


def test_a_drawing_of_few_values_is_left_as_it_is(tmp_path: Path) -> None:
    values = np.zeros((20, 30), dtype=np.uint16)
    values[5:10], values[10:12] = 1, 65535
    assert read_image(_save(tmp_path / "x.png", values), LIMIT, Stretch.parse("auto"))[::5, 0, 0].tolist() == [
        0,
        0,
        255,
        0,
    ]


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_white_may_be_0(tmp_path: Path, dtype: str) -> None:
    most = np.iinfo(dtype).max
    values = (most - scene(dtype, most // 255)[..., 0].astype(int)).astype(dtype)
    assert brightness(read_image(tiff(tmp_path / "x.tif", values, photometric="miniswhite"), LIMIT))[0] > 0.99


def test_a_band_that_is_alpha_shows_white(tmp_path: Path) -> None:
    alpha = np.full((20, 30), 255, dtype=np.uint8)
    alpha[:5] = 0
    picture = read_picture(tiff(tmp_path / "x.tif", with_band(scene(), alpha), extrasamples=[2]), LIMIT)
    assert (picture.pixels[:5] == 255).all()
    np.testing.assert_array_equal(picture.pixels[5:], scene()[5:])
    assert picture.remarks == ()


def test_further_pages_are_said(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((4, 6), value, dtype=np.uint8)) for value in (7, 8, 9)]
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    picture = read_picture(tmp_path / "x.tif", LIMIT)
    assert (picture.pixels == 7).all()
    assert picture.remarks == (MORE_PAGES,)


@pytest.mark.parametrize(
    ("setting", "expected"), [("off", 100 // 257), ("0,250", 102), ("percentile", 0), ("auto", 0), ("100, 300", 0)]
)
def test_the_setting_decides(tmp_path: Path, setting: str, expected: int) -> None:
    values = np.full((20, 30), 100, dtype=np.uint16)
    values[:10] = 1000
    path = _save(tmp_path / "x.png", values)
    assert read_image(path, LIMIT, Stretch.parse(setting))[-1, -1].tolist() == [expected] * 3


def test_limits_hold_for_8_bits_too(tmp_path: Path) -> None:
    path = _save(tmp_path / "x.png", np.full((2, 2, 3), 50, dtype=np.uint8))
    assert read_image(path, LIMIT, Stretch.parse("0,150"))[0, 0].tolist() == [85] * 3


@pytest.mark.parametrize("value", ["0,3000", [0, 3000], (0, 3000), "0, 3000"])
def test_limits_may_be_a_list(value: object, tmp_path: Path) -> None:
    config = FolderConfig.model_validate({"kind": "folder", "root": tmp_path, "stretch": value})
    assert config.stretch == "0,3000"


@pytest.mark.parametrize("value", ["3000,0", "1", "a,b", "1,2,3", "0,inf", "always"])
def test_other_limits_are_refused(value: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be auto, off, percentile, or LOW,HIGH"):
        FolderConfig.model_validate({"kind": "folder", "root": tmp_path, "stretch": value})


def test_no_program_is_started_for_a_picture(tmp_path: Path) -> None:
    """Pillow hands PostScript to Ghostscript, whatever the file is called."""
    path = tmp_path / "x.jpg"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n")
    with pytest.raises(UnreadableImage, match=r"not an image in a known format: PostScript, not pixels; convert it"):
        read_image(path, LIMIT)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC, not pixels; convert it"),
        (b"\n<!DOCTYPE html><html>404</html>", "a web page, not pixels"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:abc", "a pointer of Git LFS"),
        (b"%PDF-1.7", "a PDF file"),
    ],
)
def test_another_file_is_called_what_it_is(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(UnreadableImage, match=rf"not an image in a known format: {message}"):
        read_image(tmp_path / "x.jpg", LIMIT)


def test_a_huge_tiff_of_many_bands_is_refused_from_its_header(tmp_path: Path) -> None:
    path = tiff(tmp_path / "x.tif", np.zeros((101, 100, 8), dtype=np.uint8), extrasamples=[0] * 5)
    with pytest.raises(UnreadableImage, match=r"100 x 101 px .*data\.max_pixels"):
        read_image(path, LIMIT)
