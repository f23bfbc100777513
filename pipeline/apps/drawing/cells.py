"""What the pictures share: cells of one size, and a PNG that is whole or not there."""

from pathlib import Path

from PIL import Image

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.atomic import atomic_path


def fit(picture: UInt8Array, side: int) -> Image.Image:
    """A picture, uint8 (height, width, 3) RGB, resized so that its long side is `side` px."""
    image = Image.fromarray(picture)
    factor = side / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS)


def save_png(picture: Image.Image, out: Path) -> None:
    """Write a picture as PNG in one step; folders above it are made."""
    with atomic_path(out) as temporary:
        picture.save(temporary, format="PNG")
