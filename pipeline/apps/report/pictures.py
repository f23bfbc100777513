"""Images inside a page: small, and part of its text."""

import base64
import io

from PIL import Image

from maskdistill.data.arrays import UInt8Array
from maskdistill.pipeline.apps.drawing.colours import cluster_colour
from maskdistill.pipeline.apps.report.blocks import Picture

_QUALITY = 78


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
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", quality=_QUALITY, method=4)
    uri = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
    return Picture(uri, image.width, image.height, alt, caption)


def css_colour(cluster: int) -> str:
    """The colour of a cluster, as CSS writes it."""
    red, green, blue = cluster_colour(cluster)
    return f"rgb({red} {green} {blue})"
