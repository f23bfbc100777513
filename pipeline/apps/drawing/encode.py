"""Pictures as the bytes of image files."""

import io

from PIL import Image

from maskdistill.data.arrays import UInt8Array

_JPEG_QUALITY = 85
_WEBP_QUALITY = 78


def to_jpeg(picture: UInt8Array) -> bytes:
    """A JPEG of uint8 (height, width, 3) RGB."""
    return _encode(picture, "JPEG", quality=_JPEG_QUALITY)


def to_png(picture: UInt8Array) -> bytes:
    """A PNG of uint8 (height, width, 3 or 4), quick to make rather than small."""
    return _encode(picture, "PNG", compress_level=1)


def to_webp(picture: UInt8Array) -> bytes:
    """A WebP of uint8 (height, width, 3) RGB, for where every byte counts."""
    return _encode(picture, "WEBP", quality=_WEBP_QUALITY, method=4)


def _encode(picture: UInt8Array, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format=kind, **options)
    return buffer.getvalue()
