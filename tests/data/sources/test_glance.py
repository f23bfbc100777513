"""Large JPEGs that are read smaller where a look at a shorter side is all that is wanted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.sources import BlobSource
from maskdistill.data.arrays import UInt8Array
from maskdistill.data.config import FolderConfig
from maskdistill.data.errors import UnreadableImage
from maskdistill.data.sources.first import FirstImages
from maskdistill.data.sources.folder import FolderSource
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.stages.networks.resize import resize

SIZE_HW = (360, 500)


def photo(mode: str = "RGB") -> Image.Image:
    """A soft picture with nothing symmetric about it."""
    small = np.random.default_rng(0).integers(60, 200, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(SIZE_HW[::-1], Image.Resampling.BICUBIC).convert(mode)


def saved(folder: Path, name: str = "a.jpg", image: Image.Image | None = None, **options: Any) -> FolderSource:
    (image or photo()).save(folder / name, **options)
    return opened(folder)


def opened(folder: Path, **settings: Any) -> FolderSource:
    return FolderSource(FolderConfig.model_validate({"kind": "folder", "root": folder, **settings}))


def far(source: ImageSource, pixels: UInt8Array) -> float:
    """How far a smaller copy is from the image resized to it, 0-255."""
    whole = resize(source.read(0), (pixels.shape[0], pixels.shape[1]))
    return float(np.abs(whole.astype(int) - pixels).mean())


@pytest.mark.parametrize(
    ("short_side", "divisor"), [(121, 1), (120, 2), (90, 2), (61, 2), (60, 4), (31, 4), (30, 8), (3, 8)]
)
def test_as_small_as_can_be_and_half_as_long_again_as_asked(tmp_path: Path, short_side: int, divisor: int) -> None:
    source = saved(tmp_path, quality=95)
    glance = source.glance(0, short_side)
    assert glance.size_hw == SIZE_HW
    assert glance.pixels.shape == (SIZE_HW[0] // divisor, -(-SIZE_HW[1] // divisor), 3)
    assert divisor == 1 or min(glance.pixels.shape[:2]) >= 1.5 * short_side
    assert far(source, glance.pixels) < 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_it_is_upright_in_every_mode(tmp_path: Path, orientation: int, mode: str) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    source = saved(tmp_path, image=photo(mode), exif=exif, quality=95)
    glance = source.glance(0, 45)
    assert glance.size_hw == source.read(0).shape[:2]
    assert max(glance.pixels.shape) == 125
    assert far(source, glance.pixels) < 3


def test_the_first_picture_of_a_phone_file_with_several(tmp_path: Path) -> None:
    other = Image.new("RGB", SIZE_HW[::-1])
    source = saved(tmp_path, format="MPO", save_all=True, append_images=[other], quality=95)
    glance = source.glance(0, 45)
    assert glance.pixels.shape[0] == 90
    assert far(source, glance.pixels) < 2
    assert source.remarks(0) == ("with further pages or frames than the first, which are left out",)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.bmp"])
def test_other_formats_keep_their_size(tmp_path: Path, name: str) -> None:
    source = saved(tmp_path, name)
    np.testing.assert_array_equal(source.glance(0, 16).pixels, source.read(0))


def test_stretched_values_depend_on_all_pixels(tmp_path: Path) -> None:
    saved(tmp_path)
    source = opened(tmp_path, stretch="2,98")
    np.testing.assert_array_equal(source.glance(0, 16).pixels, source.read(0))


def test_it_does_not_depend_on_what_was_read_before(tmp_path: Path) -> None:
    source = saved(tmp_path)
    before = source.glance(0, 45).pixels
    source.read(0)
    np.testing.assert_array_equal(source.glance(0, 45).pixels, before)
    np.testing.assert_array_equal(source.read(0), opened(tmp_path).read(0))


def test_the_first_images_are_read_as_their_source_reads_them(tmp_path: Path) -> None:
    source = saved(tmp_path)
    np.testing.assert_array_equal(FirstImages(source, 1).glance(0, 45).pixels, source.glance(0, 45).pixels)


def test_images_in_memory_have_one_size() -> None:
    source = BlobSource()
    glance = source.glance(1, 4)
    np.testing.assert_array_equal(glance.pixels, source.read(1))
    assert glance.size_hw == source.size_hw(1)


def test_damage_and_too_many_pixels_are_named(tmp_path: Path) -> None:
    source = saved(tmp_path)
    path = tmp_path / "a.jpg"
    with pytest.raises(UnreadableImage, match=r"a\.jpg: .*data.max_pixels"):
        opened(tmp_path, max_pixels=1000).glance(0, 16)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(UnreadableImage, match=r"a\.jpg: .*truncated"):
        source.glance(0, 16)
    path.write_bytes(b"")
    with pytest.raises(UnreadableImage, match=r"a\.jpg: the file is empty"):
        source.glance(0, 16)
