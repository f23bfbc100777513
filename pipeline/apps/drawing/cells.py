"""What the pictures share: cells of one size, and a PNG that is whole or not there."""

from pathlib import Path

from PIL import Image

from maskdistill.data.arrays import UInt8Array
from maskdistill.data.atomic import atomic_path
from maskdistill.data.paths import inside

SizeHW = tuple[int, int]
"""Height and width, px."""


def fit_size(size_hw: SizeHW, edge: int) -> SizeHW:
    """The size of a picture whose long side becomes `edge` px."""
    factor = edge / max(size_hw)
    return max(1, round(size_hw[0] * factor)), max(1, round(size_hw[1] * factor))


def fit(picture: UInt8Array, side: int) -> Image.Image:
    """A picture, uint8 (height, width, 3) RGB, resized so that its long side is `side` px."""
    height, width = fit_size((picture.shape[0], picture.shape[1]), side)
    return Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)


def save_below(picture: Image.Image, folder: Path, name: str, what: str) -> None:
    """Write a picture as PNG below a folder that is itself being made in one step.

    Raises:
        InputError: The name leads out of the folder; `what` begins the text.
    """
    path = inside(folder, name, what)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, format="PNG")


def save_png(picture: Image.Image, out: Path) -> None:
    """Write a picture as PNG in one step; folders above it are made."""
    with atomic_path(out) as temporary:
        picture.save(temporary, format="PNG")
