"""Images inside a page: small, and part of its text."""

import base64

import numpy as np
from PIL import Image

from maskdistill.data.arrays import UInt8Array
from maskdistill.pipeline.apps.drawing.encode import to_webp
from maskdistill.pipeline.apps.report.blocks import Picture


def embed(pixels: UInt8Array, alt: str, side: int, caption: str = "") -> Picture:
    """An image as WebP in a data URI, its long side brought down to `side` px.

    Args:
        pixels: uint8 (height, width, 3) RGB.
        alt: What it shows, in words.
        side: Longest side, px.
        caption: Text below it.
    """
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    uri = f"data:image/webp;base64,{base64.b64encode(to_webp(np.asarray(image))).decode('ascii')}"
    return Picture(uri, image.width, image.height, alt, caption)
